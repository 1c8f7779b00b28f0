"""Training curves: loss and validation accuracy, epoch by epoch."""

from __future__ import annotations

import math

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from llmseqrec.reporting.leaderboard import Label
from llmseqrec.reporting.metric_names import metric_header
from llmseqrec.reporting.plots.frame import NAMED, head, legend_beside, line_look, wrapped
from llmseqrec.reporting.style import GREY, RC, new_figure

KNOWN = ["model", "seed", "epoch"]


def training_figure(history: pd.DataFrame, label: Label) -> Figure:
    """A panel for the loss and one for each validation metric; a line a seed, a look a model.

    The marker is the best epoch of a seed on the panel's own values: the lowest loss, the highest
    validation value. After as many models as there are looks the others are drawn in grey.

    Args:
        history: model, seed, epoch, then a column a panel: loss (nats a scored position),
            validation (NDCG@20), and further metrics such as hr@10 where they were kept.
        label: of the experiment.
    """
    shown = [str(name) for name in history.columns if name not in KNOWN]
    models = list(history["model"].unique())
    with mpl.rc_context(RC):
        wide = min(len(shown), 2)
        high = math.ceil(len(shown) / wide)
        figure = new_figure(4.1 * wide + 2.2, 3.5 * high + 0.4)
        panels = figure.subplots(high, wide, squeeze=False).flat[: len(shown)]
        for axes, column in zip(panels, shown, strict=True):
            for place, model in enumerate(models):
                _draw_model(axes, history[history["model"] == model], column, place)
            axes.set(xlabel="epoch", title=_title(column))
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        legend_beside(panels[-1])
        head(figure, label)
    return figure


def _draw_model(axes: Axes, history: pd.DataFrame, column: str, place: int) -> None:
    """The seeds of one model."""
    label: str | None = wrapped(history["model"].iloc[0])
    for _, seed in history.groupby("seed"):
        if place >= NAMED:
            label = "other models" if place == NAMED and label else None
            axes.plot(seed["epoch"], seed[column], color=GREY, linewidth=0.7, label=label)
        else:
            values = seed[column].reset_index(drop=True)
            worth = -values if column == "loss" else values
            best = int(np.nan_to_num(worth, nan=-np.inf).argmax())  # not every run validates
            look = line_look(place) | {"markevery": [best], "linewidth": 1.1}
            axes.plot(seed["epoch"], values, label=label, **look)
        label = None


def _title(column: str) -> str:
    names = {
        "loss": "Training loss (nats a scored position)",
        "validation": "NDCG@20 on validation sessions",
    }
    return names.get(column) or f"{metric_header(column)} on validation sessions"
