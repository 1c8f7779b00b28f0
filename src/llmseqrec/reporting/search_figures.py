"""Figures of a search: how it went, what mattered, and where the good values lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import orjson
import pandas as pd
from matplotlib.axes import Axes

from llmseqrec.reporting.style import COLOURS, GREY, MARKERS, RC, new_figure, save_figure

METRIC = "ndcg@20"
NOTHING = "–"  # of a name that a trial did not search
AXIS = "NDCG@20, mean of the folds"


def plot_search(
    trials: pd.DataFrame,
    importance: Mapping[str, Mapping[str, float]],
    title: str,
    stems: Mapping[str, Path],
) -> None:
    """Draw `history`, `importance` and `values` of a search.

    Args:
        trials: contract TRIALS.
        importance: share of each searched name, by variant.
        title: what readers see of the search.
        stems: path of each figure without its ending.
    """
    with mpl.rc_context(RC):
        _history(trials, title, stems["history"])
        _importance(importance, title, stems["importance"])
        _values(trials, title, stems["values"])


def _history(trials: pd.DataFrame, title: str, stem: Path) -> None:
    """Every trial, and the best so far; those given up stand at the bottom."""
    figure = new_figure(6.4, 3.6)
    axes = figure.add_subplot()
    complete = trials[trials["state"] == "complete"]
    for place, (variant, rows) in enumerate(complete.groupby("variant")):
        colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
        axes.plot(rows["trial"], rows[METRIC], marker, color=colour, alpha=0.45, markersize=3.5)
        best = rows[METRIC].cummax()
        label = "best so far" if len(complete["variant"].unique()) == 1 else str(variant)
        axes.plot(rows["trial"], best, "-", color=colour, label=label, drawstyle="steps-post")
    given_up = trials.loc[trials["state"] == "pruned", "trial"]
    if len(given_up):
        floor = [complete[METRIC].min()] * len(given_up)
        axes.plot(given_up, floor, "|", color=GREY, label="given up")
    axes.set(xlabel="Trial", ylabel=AXIS, title=title)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    save_figure(figure, stem)


def _importance(found: Mapping[str, Mapping[str, float]], title: str, stem: Path) -> None:
    """Bars, the most important name on top."""
    frame = pd.DataFrame({variant: dict(shares) for variant, shares in found.items()}).fillna(0.0)
    figure = new_figure(6.4, 1.2 + 0.3 * max(len(frame) * max(frame.shape[1], 1) ** 0.5, 2))
    axes = figure.add_subplot()
    if frame.empty:
        axes.text(0.5, 0.5, "all trials are equal", ha="center", transform=axes.transAxes)
    else:
        frame = frame.loc[frame.mean(axis=1).sort_values(kind="stable").index]
        frame.plot.barh(ax=axes, color=list(COLOURS), legend=False, width=0.75)
        if frame.shape[1] > 1:
            axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    axes.set(xlabel="Share of what makes a trial good (PED-ANOVA)", ylabel="", title=title)
    axes.grid(visible=False, axis="y")
    save_figure(figure, stem)


def _values(trials: pd.DataFrame, title: str, stem: Path) -> None:
    """Parallel coordinates: a line a trial, the darker the better, the best one in colour."""
    complete = trials[trials["state"] == "complete"]
    rows = complete.iloc[::-1].sort_values(METRIC, kind="stable")  # the first of equal ones on top
    points = [orjson.loads(text) for text in rows["parameters"]]
    seen = {
        name: [point.get(name, NOTHING) for point in points] for point in points for name in point
    }
    names = [name for name, each in seen.items() if len(set(map(str, each))) > 1]
    figure = new_figure(max(4.8, 1.25 * (len(names) + 1)), 3.8)
    axes = figure.add_subplot()
    columns = [_Coordinate.of(seen[name]) for name in names]
    columns.append(_Coordinate.of(rows[METRIC].tolist()))
    places = np.array([column.places for column in columns]).T  # (n_trials, n_columns)
    ranks = np.linspace(0.06, 0.55, len(places))
    for line, alpha in zip(places, ranks, strict=True):
        axes.plot(line, "-", color=COLOURS[2], alpha=alpha**2, linewidth=0.8)
    if len(places):
        axes.plot(places[-1], "-o", color=COLOURS[4], linewidth=2, label="best")
    _label(axes, [*names, "NDCG@20"], columns)
    axes.set_title(title)
    save_figure(figure, stem)


class _Coordinate:
    """Where values of one name lie between 0 and 1, and what is written there."""

    def __init__(self, places: Sequence[float], ticks: Mapping[float, str]) -> None:
        self.places = places
        self.ticks = ticks

    @classmethod
    def of(cls, values: Sequence[Any]) -> _Coordinate:
        """Numbers by their size, what is none above them; anything else by its name."""
        numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        rest = {v for v in values if v is None or isinstance(v, bool | str)}
        if numbers and rest <= {None, NOTHING}:
            low, high = min(numbers), max(numbers)
            top = 0.85 if rest else 1.0
            span = (high - low) or 1.0
            places = [1.0 if v in rest else top * (v - low) / span for v in values]
            ticks = {0.0: f"{low:.4g}", top: f"{high:.4g}"}
            return cls(places, ticks | ({1.0: "none"} if rest else {}))
        known = sorted({"none" if v is None else str(v) for v in values})
        at = {name: place / max(len(known) - 1, 1) for place, name in enumerate(known)}
        places = [at["none" if v is None else str(v)] for v in values]
        return cls(places, {place: name for name, place in at.items()})


def _label(axes: Axes, names: Sequence[str], columns: Sequence[_Coordinate]) -> None:
    axes.set_xticks(range(len(names)), [name.replace("_", " ") for name in names], fontsize=7)
    axes.set_yticks([])
    axes.set_ylim(-0.06, 1.06)
    axes.set_xlim(-0.3, len(names) - 0.3)
    axes.spines["left"].set_visible(False)
    for place, column in enumerate(columns):
        axes.axvline(place, color=GREY, linewidth=0.8, zorder=0)
        for height, text in column.ticks.items():
            axes.text(place + 0.04, height, text, fontsize=6, va="center")
