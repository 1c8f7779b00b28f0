"""Semantic affinity of sessions against chance (study, Figure 12)."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from llmseqrec.reporting.leaderboard import Label
from llmseqrec.reporting.plots.frame import head, panel_grid
from llmseqrec.reporting.style import COLOURS, RC, new_figure

SESSIONS, CHANCE = "sessions", "items permuted"
LOOKS = {SESSIONS: ("-", COLOURS[0]), CHANCE: ("--", COLOURS[4])}
BINS = 40
COLUMNS = 3  # panels side by side


def affinity_shares(
    found: Mapping[str, Mapping[str, NDArray[np.float64]]],
) -> pd.DataFrame:
    """Histograms of affinity on bins that all embeddings share.

    Args:
        found: of each embedding the affinities of SESSIONS and of CHANCE, NaN where there is none.

    Returns:
        embedding, of (SESSIONS or CHANCE), low, high (ends of the bin), share (of the sessions
        that have an affinity), mean (over them), sessions (their number).
    """
    values = np.concatenate([each for kinds in found.values() for each in kinds.values()])
    low, high = np.nanmin(values, initial=1.0), np.nanmax(values, initial=-1.0)
    edges = np.linspace(low, max(high, low + 1e-6), BINS + 1)
    rows = [
        _histogram(each[~np.isnan(each)], edges).assign(embedding=name, of=kind)
        for name, kinds in found.items()
        for kind, each in kinds.items()
    ]
    columns = ["embedding", "of", "low", "high", "share", "mean", "sessions"]
    return pd.concat(rows, ignore_index=True)[columns]


def affinity_figure(data: pd.DataFrame, label: Label) -> Figure:
    """A panel an embedding: the histogram of the sessions over that of chance, and both means.

    Args:
        data: as `affinity_shares` gives it.
        label: of the experiment.
    """
    names = list(data["embedding"].unique())
    columns, rows = min(len(names), COLUMNS), -(-len(names) // COLUMNS)
    with mpl.rc_context(RC):
        figure = new_figure(max(3.0 * columns, 6.4), 1.4 + 2.4 * rows)
        panels = panel_grid(figure, len(names), COLUMNS)
        for axes, name in zip(panels.flat, names, strict=False):
            for kind, (line, colour) in LOOKS.items():
                part = data[(data["embedding"] == name) & (data["of"] == kind)]
                edges = [*part["low"], part["high"].iloc[-1]]
                axes.stairs(part["share"], edges, ls=line, color=colour, lw=1.4, label=kind)
                axes.axvline(part["mean"].iloc[0], ls=line, color=colour, lw=0.8)
            axes.set_title(name)
            axes.set_xlabel("mean cosine of a session's items")
        for axes in panels[:, 0]:
            axes.set_ylabel("share of sessions")
        handles = panels[0, 0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", ncols=2, handlelength=3.4)
        head(figure, label)
    return figure


def _histogram(values: NDArray[np.float64], edges: NDArray[np.float64]) -> pd.DataFrame:
    counts, _ = np.histogram(values, edges)
    n = max(len(values), 1)
    bins = {"low": edges[:-1], "high": edges[1:], "share": counts / n}
    return pd.DataFrame(bins).assign(mean=values.sum() / n, sessions=len(values))
