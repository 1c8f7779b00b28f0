"""Accuracy against what it took: processor time, and what services were paid."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from llmseqrec.reporting.leaderboard import RAN, Label
from llmseqrec.reporting.metric_names import headline, metric_header, metrics_in
from llmseqrec.reporting.plots.frame import (
    empty_figure,
    head,
    legend_beside,
    point_label,
    point_look,
)
from llmseqrec.reporting.style import RC, new_figure

PANELS = {
    "cpu_seconds": "processor time (s)",
    "tokens": "tokens sent and received",
    "usd": "USD",
}


def costs_against_accuracy(board: pd.DataFrame, costs: pd.DataFrame) -> pd.DataFrame:
    """NDCG at the largest cut-off of every model that ran, and what its jobs took.

    Args:
        board: a leaderboard; its order is kept.
        costs: as `reporting.costs.build_costs` gives them, of the rows of this leaderboard.

    Returns:
        model, NDCG, cpu_seconds (item vectors, training of all seeds, lists, metrics; also what it
        shares with others), tokens, usd; NaN where nothing was measured or paid.
    """
    accuracy = headline(metrics_in(board))
    known = costs[costs["kind"] == "run"].drop_duplicates("name").set_index("name")
    found = board.loc[board["status"] == RAN, ["model", accuracy]]
    return found.join(known[[*PANELS]], on="model").reset_index(drop=True)


def costs_figure(data: pd.DataFrame, label: Label) -> Figure:
    """A panel for processor time, and for tokens and USD where somebody was paid.

    Args:
        data: as `costs_against_accuracy` gives it.
        label: what was measured.
    """
    positive = {name: data[data[name] > 0] for name in PANELS}  # the axes are logarithmic
    shown = [name for name, rows in positive.items() if len(rows)]
    if not shown:
        return empty_figure(label, "No time was measured and nothing was paid.")
    with mpl.rc_context(RC):
        figure = new_figure(4.2 * len(shown) + 2.6, max(3.6, 1.2 + 0.19 * len(data)))
        panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
        for axes, name in zip(panels, shown, strict=True):
            _draw(axes, positive[name], name, data["model"].tolist())
            left_out = len(data) - len(positive[name])
            note = f" ({left_out} models without)" if left_out else ""
            axes.set(xlabel=f"{PANELS[name]}{note}")
        panels[0].set_ylabel(metric_header(str(data.columns[1])))
        handles = {text: mark for axes in panels for mark, text in _entries(axes)}
        legend_beside(panels[-1], handles=list(handles.values()), fontsize=7.5)
        head(figure, label)
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, name: str, order: Sequence[str]) -> None:
    """A point a model, of the same look in every panel."""
    for model, accuracy, cost in zip(rows["model"], rows.iloc[:, 1], rows[name], strict=True):
        place = order.index(model)
        axes.plot(cost, accuracy, label=point_label(place, model), **point_look(place))
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(numticks=6))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.1, y=0.08)


def _entries(axes: Axes) -> list[tuple[object, str]]:
    handles, names = axes.get_legend_handles_labels()
    return list(zip(handles, names, strict=True))
