"""Hit rate by popularity of the last item of the prompt (study, Figure 9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from statsmodels.stats.proportion import proportion_confint

COLUMNS = (
    "model",
    "bin",
    "popularity",
    "lowest",
    "highest",
    "sessions",
    "hit_rate",
    "ci_low",
    "ci_high",
)


def popularity_edges(popularity: ArrayLike, bins: int = 6) -> NDArray[np.int64]:
    """Lowest count of each bin, so that bins hold about equally many sessions.

    Counts repeat, so bins may differ in size, and there may be fewer of them than asked for.

    Args:
        popularity: (n,) training count of the last item of each prompt.
        bins: how many bins at most.

    Returns:
        (b,) ascending; a session belongs to the last bin whose lowest count it reaches.
    """
    counts = np.asarray(popularity)
    shares = np.arange(bins) / bins
    return np.unique(np.quantile(counts, shares, method="higher")).astype(np.int64)


def hit_rates(
    hits: Mapping[str, ArrayLike], popularity: ArrayLike, bins: int = 6, level: float = 0.95
) -> pd.DataFrame:
    """Hit rate of each model in each popularity bin, with Wilson intervals.

    Args:
        hits: for each model (n,) whether the session's target was among the first k; in [0, 1]
            where it is a mean over seeds; NaN where the session was not evaluated.
        popularity: (n,) training count of the last item of each prompt; the same for all models.
        bins: how many bins at most.
        level: of the intervals.

    Returns:
        model, bin, popularity (range as text), lowest, highest, sessions, hit_rate, ci_low,
        ci_high; models in the order given, bins from unpopular to popular.
    """
    counts = np.asarray(popularity)
    lowest = popularity_edges(counts, bins)
    index = np.searchsorted(lowest, counts, side="right") - 1
    highest = np.array([counts[index == number].max() for number in range(len(lowest))])
    places = {"lowest": lowest, "highest": highest, "popularity": _ranges(lowest, highest)}
    bin_table = pd.DataFrame({"bin": np.arange(len(lowest))} | places)
    rates = [
        bin_table.assign(model=model, **_rates(np.asarray(hit, dtype=float), index, level))
        for model, hit in hits.items()
    ]
    if not rates:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(rates, ignore_index=True)[[*COLUMNS]]


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
        low, high = proportion_confint(sums, sessions, alpha=1 - level, method="wilson")
    return {"sessions": sessions, "hit_rate": rate, "ci_low": low, "ci_high": high}


def _ranges(lowest: NDArray[np.int64], highest: NDArray[np.int64]) -> list[str]:
    return [
        f"{low}" if low == high else f"{low}–{high}"
        for low, high in zip(lowest, highest, strict=True)
    ]
