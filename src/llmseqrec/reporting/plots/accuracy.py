"""Accuracy by model: NDCG and HR with their intervals, tie shuffles and published values."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from llmseqrec.reporting.leaderboard import RAN, Label
from llmseqrec.reporting.metric_names import headline, metric_header, metrics_in
from llmseqrec.reporting.plots.frame import empty_figure, head, wrapped
from llmseqrec.reporting.style import COLOURS, RC, new_figure


def accuracy_figure(frame: pd.DataFrame, label: Label) -> Figure:
    """NDCG and HR at the largest cut-off of every model that ran.

    A filled dot is the mean over seeds, the bar through it the 95 % interval of that mean;
    the pale band below it runs from the lowest to the highest of the tie shuffles; a hollow
    diamond is the published value.

    Args:
        frame: a leaderboard.
        label: what it was measured on.
    """
    ran = frame[frame["status"] == RAN]
    if ran.empty:
        return empty_figure(label)
    names = [wrapped(name) for name in ran["model"]]
    lines = sum(1 + 0.55 * name.count("\n") for name in names)
    with mpl.rc_context(RC):
        figure = new_figure(8.6, 1.9 + 0.3 * lines)
        panels = figure.subplots(1, 2, sharey=True)
        for axes, name in zip(panels, ("ndcg", "hr"), strict=True):
            _draw_metric(axes, ran, headline(metrics_in(frame), name))
        panels[0].set_yticks(range(len(ran)), names)
        panels[0].set_ylim(len(ran) - 0.4, -0.6)
        head(figure, label)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _draw_metric(axes: Axes, ran: pd.DataFrame, metric: str) -> None:
    rows = np.arange(len(ran))
    axes.plot(ran[metric], rows, "o", color=COLOURS[0], label="mean over seeds")
    spans = [
        ("ci_low", "ci_high", 0.0, COLOURS[0], 1.6, "95 % interval"),
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
