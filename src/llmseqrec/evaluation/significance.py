"""Intervals and paired tests over sessions.

Percentile bootstrap (Efron and Tibshirani 1993, ch. 13), paired sign-flip permutation test with
the add-one p-value (Phipson and Smyth 2010), Holm's adjustment for several comparisons. The study
itself reports neither intervals nor tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from statsmodels.stats.multitest import multipletests

from llmseqrec.errors import InputError

FloatArray = NDArray[np.float64]

CELLS_AT_ONCE = 4_000_000  # draws times sessions in memory, 32 MB


@dataclass(frozen=True)
class Comparison:
    """Run a minus run b, over the same sessions.

    Attributes:
        difference: of the means.
        ci_low: lower end of the bootstrap interval of the difference.
        ci_high: its upper end.
        p: two-sided p-value of "the two runs are exchangeable in every session".
    """

    difference: float
    ci_low: float
    ci_high: float
    p: float


def mean_interval(
    values: FloatArray, rng: np.random.Generator, level: float = 0.95, draws: int = 2000
) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean over sessions.

    Args:
        values: (n,) one value a session.
        rng: source of the resamples.
        level: coverage aimed at, between 0 and 1.
        draws: number of resamples.

    Raises:
        InputError: no session, a level outside (0, 1) or no draw.
    """
    _check(values, level, draws)
    means = _resampled_means(np.asarray(values, dtype=np.float64), rng, draws)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _resampled_means(values: FloatArray, rng: np.random.Generator, draws: int) -> FloatArray:
    """(draws,) means of as many values, drawn with replacement."""
    n = len(values)
    distinct, counts = np.unique(values, return_counts=True)
    if 10 * len(distinct) < n:
        # A resample is how often each value occurs: sessions of equal value are drawn together.
        parts = (
            rng.multinomial(n, counts / n, size=size) @ distinct
            for size in _portions(draws, len(distinct))
        )
    else:
        parts = (
            values[rng.integers(n, size=(size, n), dtype=np.int32)].sum(axis=1)
            for size in _portions(draws, n)
        )
    return np.concatenate([part / n for part in parts])


def paired_p_value(differences: FloatArray, rng: np.random.Generator, draws: int = 10_000) -> float:
    """Two-sided sign-flip permutation p-value of a mean difference of zero.

    Sessions without a difference cannot change the sum and are left out.

    Args:
        differences: (n,) run a minus run b in each session.
        rng: source of the sign flips.
        draws: number of sign flips; the smallest p-value is 1 / (draws + 1).
    """
    changed = differences[differences != 0]
    if not len(changed):
        return 1.0
    # Rounding must not turn sums that are equal on paper into unequal ones.
    observed = abs(changed.sum()) - 1e-9 * np.abs(changed).sum()
    sizes, counts = np.unique(np.abs(changed), return_counts=True)
    extreme = 0
    for size in _portions(draws, len(sizes)):
        # Of m equal sizes, a binomial number of them gets a plus.
        plus = rng.binomial(counts, 0.5, size=(size, len(sizes)))
        extreme += int(np.count_nonzero(np.abs((2 * plus - counts) @ sizes) >= observed))
    return float((extreme + 1) / (draws + 1))


def compare(
    a: FloatArray,
    b: FloatArray,
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = 2000,
) -> Comparison:
    """Compare two runs over the same sessions in the same order.

    Args:
        a: (n,) values of the one run.
        b: (n,) values of the other.
        rng: source of resamples and sign flips.
        level: of the interval.
        draws: resamples of the interval; the test takes five times as many sign flips.

    Raises:
        InputError: the runs differ in length or are empty.
    """
    if len(a) != len(b):
        raise InputError(f"cannot pair runs of {len(a)} and {len(b)} sessions; evaluate the same")
    differences = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    low, high = mean_interval(differences, rng, level, draws)
    p = paired_p_value(differences, rng, 5 * draws)
    return Comparison(float(differences.mean()), low, high, p)


def holm(p_values: Sequence[float] | FloatArray) -> FloatArray:
    """(n,) p-values adjusted for n comparisons by Holm's method."""
    if not len(p_values):
        return np.empty(0)
    adjusted: NDArray[Any] = multipletests(p_values, method="holm")[1]
    return adjusted


def _check(values: FloatArray, level: float, draws: int) -> None:
    if not len(values):
        raise InputError("no session to take an interval over")
    if not 0 < level < 1:
        raise InputError(f"interval level {level}: give a number between 0 and 1, such as 0.95")
    if draws < 1:
        raise InputError(f"{draws} bootstrap draws: give at least 1")


def _portions(draws: int, width: int) -> Iterator[int]:
    """Split the draws so that a portion times `width` stays within the memory aimed at."""
    most = max(CELLS_AT_ONCE // width, 1)
    for start in range(0, draws, most):
        yield min(most, draws - start)
