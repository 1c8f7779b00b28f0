"""How popular items are and how long sessions (study, Figure 11)."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter
from numpy.typing import NDArray

from llmseqrec.reporting.leaderboard import Label
from llmseqrec.reporting.plots.frame import head, line_look
from llmseqrec.reporting.style import RC, new_figure
from llmseqrec.sessions import Sessions

POPULARITY, LENGTH = "rank-popularity", "session length"
POINTS = 200  # of a line, at most


def distributions(parts: Mapping[str, Sessions]) -> pd.DataFrame:
    """Occurrences of items by rank, and the share of sessions of at least a length.

    Args:
        parts: complete sessions by the name readers see, such as training and test.

    Returns:
        panel (POPULARITY or LENGTH), sessions (name of the part), x (rank of the item from 1;
        length), y (occurrences; share of sessions that are at least as long). Of many ranks or
        lengths about POINTS remain, evenly spread on a logarithmic axis.
    """
    rows = []
    for name, sessions in parts.items():
        counts = np.sort(np.bincount(sessions.items))[::-1]
        rows.append(_line(POPULARITY, name, counts[counts > 0]))
        least = np.bincount(sessions.lengths)[::-1].cumsum()[::-1][1:]  # at least 1, 2, ... items
        rows.append(_line(LENGTH, name, least / max(len(sessions), 1)))
    return pd.concat(rows, ignore_index=True)


def distributions_figure(data: pd.DataFrame, label: Label) -> Figure:
    """Both panels on logarithmic axes, a line a part of the data.

    Args:
        data: as `distributions` gives it.
        label: of the experiment.
    """
    axis = {
        POPULARITY: ("rank of the item by popularity", "occurrences", "Popularity of items"),
        LENGTH: ("items in the session, at least", "share of sessions", "Length of sessions"),
    }
    with mpl.rc_context(RC):
        figure = new_figure(8.6, 4.2)
        panels = figure.subplots(1, 2)
        for axes, (panel, (x, y, title)) in zip(panels, axis.items(), strict=True):
            shown = data[data["panel"] == panel]
            for place, (name, line) in enumerate(shown.groupby("sessions", sort=False)):
                look = line_look(place) | {"markevery": 0.12}
                axes.loglog(line["x"], line["y"], label=str(name), **look)
            axes.set(xlabel=x, ylabel=y, title=title)
            for side in (axes.xaxis, axes.yaxis):  # plain numbers: powers need math text
                side.set_major_formatter(StrMethodFormatter("{x:g}"))
                side.set_minor_formatter(NullFormatter())
        handles = panels[0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", ncols=len(handles[0]))
        head(figure, label)
    return figure


def _line(panel: str, name: str, y: NDArray[np.floating] | NDArray[np.integer]) -> pd.DataFrame:
    """The y values of x = 1, 2, ..., thinned."""
    places = np.unique(np.geomspace(1, max(len(y), 1), POINTS).round().astype(int))
    places = places[places <= len(y)]
    return pd.DataFrame({"panel": panel, "sessions": name, "x": places, "y": y[places - 1]})
