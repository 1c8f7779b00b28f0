"""The figures: accuracy by model, and hit rate by popularity of the last item."""

from __future__ import annotations

from textwrap import fill

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from llmseqrec.reporting.leaderboard import RAN, Label
from llmseqrec.reporting.metric_names import headline, metric_header, metrics_in
from llmseqrec.reporting.style import (
    COLOURS,
    GREY,
    LINES,
    MARKERS,
    NAME_WIDTH,
    RC,
    new_figure,
)


def accuracy_figure(frame: pd.DataFrame, label: Label) -> Figure:
    """NDCG and HR at the largest cut-off of every model that ran.

    A filled dot is the mean over seeds, the bar through it the 95 % interval over test sessions;
    the pale band below it runs from the lowest to the highest of the tie shuffles; a hollow
    diamond is the published value.

    Args:
        frame: a leaderboard.
        label: what it was measured on.
    """
    ran = frame[frame["status"] == RAN]
    if ran.empty:
        return _empty_figure(label)
    names = [fill(name, NAME_WIDTH) for name in ran["model"]]
    lines = sum(1 + 0.55 * name.count("\n") for name in names)
    with mpl.rc_context(RC):
        figure = new_figure(8.6, 1.9 + 0.3 * lines)
        panels = figure.subplots(1, 2, sharey=True)
        for axes, name in zip(panels, ("ndcg", "hr"), strict=True):
            _draw_metric(axes, ran, headline(metrics_in(frame), name))
        panels[0].set_yticks(range(len(ran)), names)
        panels[0].set_ylim(len(ran) - 0.4, -0.6)
        _head(figure, label)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def popularity_figure(rates: pd.DataFrame, label: Label, cutoff: int) -> Figure:
    """Hit rate over popularity bins of the prompt's last item, one line a model.

    The models with the highest overall hit rate are told apart, at most as many as there are
    markers; the others are drawn in grey.

    Args:
        rates: as `popularity.hit_rates` gives it.
        label: what was measured.
        cutoff: k of the hit rate.
    """
    if rates.empty:
        return _empty_figure(label)
    bins = rates.drop_duplicates("bin").sort_values("bin")
    weighted = (rates["hit_rate"] * rates["sessions"]).groupby(rates["model"], sort=False).sum()
    models = weighted.sort_values(ascending=False, kind="stable").index
    with mpl.rc_context(RC):
        figure = new_figure(8.6, 4.4)
        axes = figure.subplots()
        for place, model in reversed(list(enumerate(models))):
            _draw_line(axes, rates[rates["model"] == model].sort_values("bin"), place, len(models))
        ticks = [f"{row.popularity}\nn = {row.sessions:,}" for row in bins.itertuples()]
        axes.set_xticks(np.arange(len(bins)), ticks)
        axes.set_xlabel("training count of the last item of the prompt")
        axes.set_ylabel(metric_header(f"hr@{cutoff}"))
        axes.set_title("Hit rate by popularity of the last item of the prompt")
        axes.set_ylim(bottom=0)
        axes.grid(axis="x", visible=False)
        handles, names = axes.get_legend_handles_labels()
        order = np.arange(len(names))[::-1]
        axes.legend(
            [handles[n] for n in order],
            [names[n] for n in order],
            loc="upper left",
            bbox_to_anchor=(1.01, 1),
            handlelength=3.4,
        )
        _head(figure, label)
    return figure


def _empty_figure(label: Label) -> Figure:
    """Says that there is nothing to show: a workflow in which nothing could run still ends well."""
    with mpl.rc_context(RC):
        figure = new_figure(8.6, 1.6)
        figure.text(0.01, 0.3, "No model could run; the leaderboard tells why.")
        _head(figure, label)
    return figure


def _draw_metric(axes: Axes, ran: pd.DataFrame, metric: str) -> None:
    rows = np.arange(len(ran))
    axes.plot(ran[metric], rows, "o", color=COLOURS[0], label="mean over seeds")
    spans = [
        ("ci_low", "ci_high", 0.0, COLOURS[0], 1.6, "95 % interval over sessions"),
        ("ties_min", "ties_max", 0.24, COLOURS[1], 3.5, "tie shuffles, lowest to highest"),
    ]
    for low, high, shift, colour, width, name in spans:
        if f"{metric}_{low}" in ran:
            ends = ran[f"{metric}_{low}"], ran[f"{metric}_{high}"]
            axes.hlines(rows + shift, ends[0], ends[1], colour, linewidth=width, label=name)
    if f"{metric}_published" in ran:
        published = axes.plot(ran[f"{metric}_published"], rows, "D", label="published")
        published[0].set(markerfacecolor="none", markeredgecolor=COLOURS[2])
    axes.set_title(metric_header(metric))
    axes.set_xlim(left=0)
    axes.tick_params(axis="y", length=0)


def _draw_line(axes: Axes, rates: pd.DataFrame, place: int, models: int) -> None:
    named = place < len(MARKERS)
    shown = min(models, len(MARKERS))
    # Side by side inside a bin, so that intervals do not cover each other.
    shift = (place - (shown - 1) / 2) * 0.07 if named else 0.0
    x = rates["bin"].to_numpy(float) + shift
    if not named:
        label = "other models" if place == models - 1 else None
        axes.plot(x, rates["hit_rate"], color=GREY, linewidth=0.7, label=label, zorder=1)
        return
    reach = [rates["hit_rate"] - rates["ci_low"], rates["ci_high"] - rates["hit_rate"]]
    axes.errorbar(
        x,
        rates["hit_rate"],
        yerr=np.maximum(reach, 0),  # a rate of 0 may lie a rounding error outside its interval
        color=COLOURS[place],
        marker=MARKERS[place],
        linestyle=LINES[place],
        elinewidth=0.8,
        label=fill(str(rates["model"].iloc[0]), NAME_WIDTH),
        zorder=3,
    )


def _head(figure: Figure, label: Label) -> None:
    """Title and, below it in small print, what was measured; the title keeps room for both."""
    figure.suptitle(f"{label.title}\n", x=0.01, ha="left", fontsize=11, fontweight="bold")
    top = 1 - 0.27 / figure.get_figheight()
    figure.text(0.01, top, label.details, va="top", fontsize=8, color="#555555")
