"""Accuracy against what lies beyond it: coverage, serendipity and novelty."""

from __future__ import annotations

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

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

UNITS = {
    "catcov": "share of the catalogue",
    "seren": "hits that popularity would miss",
    "novel": "bits",
}


def tradeoff(board: pd.DataFrame) -> pd.DataFrame:
    """NDCG, coverage, serendipity and novelty at the largest cut-off of every model that ran.

    Args:
        board: a leaderboard; its order is kept.
    """
    metrics = metrics_in(board)
    chosen = [headline(metrics, name) for name in ("ndcg", *UNITS)]
    found: pd.DataFrame = board.loc[board["status"] == RAN, ["model", *chosen]]
    return found.reset_index(drop=True)


def tradeoff_figure(data: pd.DataFrame, label: Label) -> Figure:
    """NDCG over each of the others, a marker a model.

    Args:
        data: as `tradeoff` gives it.
        label: what was measured.
    """
    if data.empty:
        return empty_figure(label)
    _, accuracy, *others = data.columns
    with mpl.rc_context(RC):
        figure = new_figure(11.5, max(3.6, 1.2 + 0.19 * len(data)))
        panels = figure.subplots(1, len(others), sharey=True)
        for axes, metric in zip(panels, others, strict=True):
            for place, row in enumerate(data.itertuples(index=False)):
                values = dict(zip(data.columns, row, strict=True))
                name = point_label(place, values["model"])
                axes.plot(values[metric], values[accuracy], label=name, **point_look(place))
            unit = UNITS[metric.split("@")[0]]
            axes.set(xlabel=f"{metric_header(metric)} ({unit})")
            axes.margins(x=0.08, y=0.08)
        panels[0].set_ylabel(metric_header(accuracy))
        legend_beside(panels[-1], fontsize=7.5)
        head(figure, label)
    return figure
