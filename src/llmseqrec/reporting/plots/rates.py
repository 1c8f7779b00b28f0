"""Hit rate of every model over something that is counted in prompts, and its figure.

By popularity of the last item (study, Figure 9), by the length of the prompt, and by the position
that is treated as last (Figure 10).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from llmseqrec.reporting.leaderboard import Label
from llmseqrec.reporting.metric_names import metric_header
from llmseqrec.reporting.plots.frame import (
    NAMED,
    empty_figure,
    head,
    legend_beside,
    line_look,
    wrapped,
)
from llmseqrec.reporting.style import GREY, RC, new_figure

COLUMNS = (
    "model",
    "bin",
    "range",
    "lowest",
    "highest",
    "sessions",
    "hit_rate",
    "ci_low",
    "ci_high",
)


@dataclass(frozen=True)
class Over:
    """What the bins are ranges of.

    Attributes:
        title: of the figure.
        unit: what is counted, below the axis.
    """

    title: str
    unit: str


POPULARITY = Over(
    "Hit rate by popularity of the last item of the prompt",
    "training count of the last item of the prompt",
)
LENGTH = Over("Hit rate by length of the prompt", "items in the prompt")
POSITION = Over(
    "Hit rate by the position treated as last",
    "position of the item that is moved to the end of the prompt, counted from its end",
)


def bin_edges(counts: ArrayLike, bins: int = 6) -> NDArray[np.int64]:
    """Lowest count of each bin, so that bins hold about equally many sessions.

    Counts repeat, so bins may differ in size, and there may be fewer of them than asked for.

    Args:
        counts: (n,) what is counted in each prompt.
        bins: how many bins at most.

    Returns:
        (b,) ascending; a session belongs to the last bin whose lowest count it reaches.
    """
    shares = np.arange(bins) / bins
    return np.unique(np.quantile(np.asarray(counts), shares, method="higher")).astype(np.int64)


def hit_rates(
    hits: Mapping[str, ArrayLike], counts: ArrayLike, bins: int = 6, level: float = 0.95
) -> pd.DataFrame:
    """Hit rate of each model in each bin of counts, with Wilson intervals.

    Args:
        hits: for each model (n,) whether the session's target was among the first k; in [0, 1]
            where it is a mean over seeds; NaN where the session was not evaluated.
        counts: (n,) what is counted in each prompt; the same for all models.
        bins: how many bins at most.
        level: of the intervals.

    Returns:
        model, bin, range (as text), lowest, highest, sessions, hit_rate, ci_low, ci_high; models
        in the order given, bins from few to many.
    """
    counts = np.asarray(counts)
    lowest = bin_edges(counts, bins)
    index = np.searchsorted(lowest, counts, side="right") - 1
    highest = np.array([counts[index == number].max() for number in range(len(lowest))])
    places = {"lowest": lowest, "highest": highest, "range": _ranges(lowest, highest)}
    bin_table = pd.DataFrame({"bin": np.arange(len(lowest))} | places)
    rates = [
        bin_table.assign(model=model, **_rates(np.asarray(hit, dtype=float), index, level))
        for model, hit in hits.items()
    ]
    if not rates:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(rates, ignore_index=True)[[*COLUMNS]]


def position_rates(found: Mapping[str, Mapping[str, Any]], level: float = 0.95) -> pd.DataFrame:
    """Hit rate of each model by the position treated as last, with Wilson intervals.

    Args:
        found: of each model `sessions` and `hits`, their number for each position from the last.
        level: of the intervals.

    Returns:
        As `hit_rates`; `range`, `lowest` and `highest` are the position, 1 for the last one.
    """
    rows = []
    for model, counted in found.items():
        hits, n = np.asarray(counted["hits"]), counted["sessions"]
        with np.errstate(invalid="ignore"):
            low, high = _wilson(hits, n, level)
            rate = hits / n
        places = np.arange(len(hits))
        named = {"bin": places, "range": (places + 1).astype(str)}
        ends = {"lowest": places + 1, "highest": places + 1, "sessions": n}
        values = {"hit_rate": rate, "ci_low": low, "ci_high": high}
        rows.append(pd.DataFrame(named | ends | values).assign(model=model))
    return pd.concat(rows, ignore_index=True)[[*COLUMNS]]


def rates_figure(rates: pd.DataFrame, label: Label, cutoff: int, over: Over) -> Figure:
    """Hit rate over bins, one line a model.

    The models with the highest overall hit rate are told apart, at most as many as there are
    markers; the others are drawn in grey.

    Args:
        rates: as `hit_rates` gives it.
        label: what was measured.
        cutoff: k of the hit rate.
        over: what the bins are ranges of.
    """
    if rates.empty:
        return empty_figure(label)
    bins = rates.drop_duplicates("bin").sort_values("bin")
    weighted = (rates["hit_rate"] * rates["sessions"]).groupby(rates["model"], sort=False).sum()
    models = weighted.sort_values(ascending=False, kind="stable").index
    with mpl.rc_context(RC):
        figure = new_figure(8.6, 4.4)
        axes = figure.subplots()
        for place, model in reversed(list(enumerate(models))):
            _draw_line(axes, rates[rates["model"] == model].sort_values("bin"), place, len(models))
        ticks = [f"{row.range}\nn = {row.sessions:,}" for row in bins.itertuples()]
        axes.set_xticks(np.arange(len(bins)), ticks)
        axes.set(xlabel=over.unit, ylabel=metric_header(f"hr@{cutoff}"), title=over.title)
        axes.set_ylim(bottom=0)
        axes.grid(axis="x", visible=False)
        handles, names = axes.get_legend_handles_labels()
        legend_beside(axes, handles=handles[::-1], labels=names[::-1])
        head(figure, label)
    return figure


def _draw_line(axes: Axes, rates: pd.DataFrame, place: int, models: int) -> None:
    named = place < NAMED
    shown = min(models, NAMED)
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
        elinewidth=0.8,
        label=wrapped(rates["model"].iloc[0]),
        zorder=3,
        **line_look(place),
    )


def _rates(
    hit: NDArray[np.float64], index: NDArray[np.int64], level: float
) -> dict[str, NDArray[Any]]:
    """Sessions, hit rate and interval in each bin; sessions without a value do not count."""
    known = ~np.isnan(hit)
    bins = int(index.max()) + 1
    sessions = np.bincount(index[known], minlength=bins)
    sums = np.bincount(index[known], weights=hit[known], minlength=bins)
    with np.errstate(invalid="ignore"):
        rate = sums / sessions
        low, high = _wilson(sums, sessions, level)
    return {"sessions": sessions, "hit_rate": rate, "ci_low": low, "ci_high": high}


def _wilson(hits: ArrayLike, sessions: ArrayLike, level: float) -> Any:
    """Lower and upper ends of the rates' intervals."""
    from statsmodels.stats.proportion import proportion_confint  # slow to import

    return proportion_confint(hits, sessions, alpha=1 - level, method="wilson")


def _ranges(lowest: NDArray[np.int64], highest: NDArray[np.int64]) -> list[str]:
    return [
        f"{low}" if low == high else f"{low}–{high}"
        for low, high in zip(lowest, highest, strict=True)
    ]
