"""Sensitivity to how item vectors are reduced, and to how many dimensions remain."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator, StrMethodFormatter

from llmseqrec.reporting.leaderboard import RAN, Label
from llmseqrec.reporting.metric_names import headline, metric_header, metrics_in
from llmseqrec.reporting.plots.frame import head, legend_beside, panel_grid, point_label, point_look
from llmseqrec.reporting.style import COLOURS, RC, new_figure

COLUMNS = 3  # panels side by side
FOLDS = "LLMSeqSim without training, on the validation folds; no test set has a part"


def by_dimensions(table: pd.DataFrame, methods: Mapping[str, str]) -> pd.DataFrame:
    """What a comparison of item vectors says of each method, of the decay that is best on average.

    Args:
        table: csv of `results/tables/similarities.*`.
        methods: how readers know each reduction without its dimensions; "none" stays.

    Returns:
        embedding, method, decay, dimensions and the metric at its cut-off, by dimensions.
    """
    metric = headline(metrics_in(table))
    decay = table.groupby("decay", sort=True)[metric].mean().idxmax()
    best = table[table["decay"] == decay]
    found = best.assign(method=best["reduction"].map(lambda name: methods.get(name, name)))
    columns = ["embedding", "method", "decay", "dimensions", metric]
    return found[columns].sort_values(["embedding", "method", "dimensions"], ignore_index=True)


def dimensions_figure(data: pd.DataFrame, label: Label) -> Figure:
    """A panel an embedding, a line a method over its dimensions.

    Args:
        data: as `by_dimensions` gives it.
        label: of the experiment.
    """
    metric = str(data.columns[-1])
    names = list(data.groupby("embedding")[metric].max().sort_values(ascending=False).index)
    methods = list(data.groupby("method")[metric].max().sort_values(ascending=False).index)
    columns, rows = min(len(names), COLUMNS), -(-len(names) // COLUMNS)
    with mpl.rc_context(RC):
        figure = new_figure(3.0 * columns + 2.4, 1.2 + max(2.5 * rows, 0.17 * len(methods)))
        panels = panel_grid(figure, len(names), COLUMNS)
        for axes, name in zip(panels.flat, names, strict=False):
            for place, method in enumerate(methods):
                line = data[(data["embedding"] == name) & (data["method"] == method)]
                look = point_look(place) | {"linestyle": "-", "linewidth": 0.9}
                name_shown = point_label(place, method)
                axes.plot(line["dimensions"], line[metric], label=name_shown, **look)
            axes.set(title=name, xlabel="dimensions")
            axes.set_xscale("log", base=2)
            ticks = sorted(set(data["dimensions"]))
            axes.set_xticks(_apart(ticks))
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.xaxis.set_minor_locator(NullLocator())
        for axes in panels[:, 0]:
            axes.set_ylabel(f"{metric_header(metric)}, mean of the folds")
        legend_beside(panels[0, -1], fontsize=7.5)
        head(figure, label, FOLDS)
    return figure


def by_reduction(board: pd.DataFrame, groups: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """Accuracy of runs that differ in nothing but the reduction.

    Args:
        board: a leaderboard.
        groups: by what the runs have in common, the reduction of each model's name.

    Returns:
        group, model, reduction, the metric, ci_low, ci_high; best first within a group.
    """
    metric = headline(metrics_in(board))
    ran = board[board["status"] == RAN].set_index("model")
    rows = [
        {
            "group": group,
            "model": model,
            "reduction": reduction,
            metric: ran.loc[model, metric],
            "ci_low": ran.loc[model, f"{metric}_ci_low"],
            "ci_high": ran.loc[model, f"{metric}_ci_high"],
        }
        for group, models in groups.items()
        for model, reduction in models.items()
        if model in ran.index
    ]
    frame = pd.DataFrame(rows).sort_values(metric, ascending=False, kind="stable")
    return frame.sort_values("group", kind="stable", ignore_index=True)


def reductions_figure(data: pd.DataFrame, label: Label) -> Figure:
    """A panel a group, one below the other; a dot and its interval a reduction.

    Args:
        data: as `by_reduction` gives it.
        label: what was measured.
    """
    metric = str(data.columns[3])
    groups = [(str(name), part) for name, part in data.groupby("group", sort=False)]
    sizes = [len(part) + 0.8 for _, part in groups]
    with mpl.rc_context(RC):
        figure = new_figure(7.2, 1.1 + 0.36 * sum(sizes) + 0.25 * len(groups))
        panels = figure.subplots(
            len(groups), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": sizes}
        )[:, 0]
        for axes, (name, part) in zip(panels, groups, strict=True):
            rows = range(len(part))
            axes.hlines(rows, part["ci_low"], part["ci_high"], COLOURS[0], linewidth=1.6)
            axes.plot(part[metric], rows, "o", color=COLOURS[0])
            axes.set_yticks(rows, part["reduction"])
            axes.set_ylim(len(part) - 0.4, -0.6)
            axes.set_title(name)
            axes.tick_params(axis="y", length=0)
        panels[-1].set_xlim(left=0)
        panels[-1].set_xlabel(f"{metric_header(metric)}, with 95 % intervals")
        head(figure, label)
    return figure


def _apart(ticks: list[int]) -> list[int]:
    """Those ticks that labels have room for on an axis of powers of two."""
    kept: list[int] = []
    for tick in ticks:
        if not kept or tick >= 1.7 * kept[-1]:
            kept.append(tick)
    return kept
