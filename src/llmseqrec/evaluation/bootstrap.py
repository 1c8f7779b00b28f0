"""Intervals of means over seeds and test sessions, for many metrics at once.

A two-level percentile bootstrap (Efron and Tibshirani 1993, ch. 13). All seeds of a run rank for
the same sessions, so the levels are crossed: a resample draws seeds, then sessions for all of them,
and

    its mean = mean of the drawn sessions, each averaged over all seeds
             + mean of the drawn seeds' deviations from the run's mean.

What few seeds ask for, beside the plain scheme:

- Of s seeds s - 1 are drawn; s of them vary too little, by the factor (s - 1) / s (McCarthy and
  Snowden 1985).
- A seed's mean also varies with what it happens to find in these sessions. The drawn sessions bring
  that already, so deviations are shrunk to what is the seed's own (Davison and Hinkley 1997, §3.8).
  Drawing both levels of the plain product of weights would count it three times (Owen 2007).
- Percentiles know nothing of how unsure a variance of five seeds is: the interval is widened by
  Student's t over the normal quantile (Hesterberg 2015), with Satterthwaite's degrees of freedom.

A run of one seed has the level of sessions alone, where all of this falls away. Where seeds differ
by far more than sessions let a mean vary, five of them cover about 92 % instead of 95 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from llmseqrec.errors import InputError

FloatArray = NDArray[np.float64]

CELLS_AT_ONCE = 4_000_000  # draws times sessions in memory, 32 MB
SESSIONS, SEEDS_AND_SESSIONS = "sessions", "seeds+sessions"


@dataclass(frozen=True)
class Intervals:
    """Intervals of m means.

    Attributes:
        low: (m,) lower ends.
        high: (m,) upper ends.
        levels: what was drawn: `seeds+sessions`, or `sessions` where no run has two seeds.
    """

    low: FloatArray
    high: FloatArray
    levels: str


@dataclass(frozen=True)
class _Seeds:
    """The level of seeds of one run.

    Attributes:
        deviations: (s, m) of the seeds' means from the run's, shrunk to what is their own.
        variance: (m,) of the mean over seeds, before shrinking.
    """

    deviations: FloatArray
    variance: FloatArray


def mean_intervals(
    values: FloatArray, rng: np.random.Generator, level: float = 0.95, draws: int = 2000
) -> Intervals:
    """Intervals of a run's means, within what the sessions' values allow.

    Args:
        values: (seeds, sessions, metrics).
        rng: source of the resamples.
        level: coverage aimed at, between 0 and 1.
        draws: number of resamples.

    Raises:
        InputError: no session, a level outside (0, 1) or no draw.
    """
    found = _intervals([values], rng, level, draws)
    lowest, highest = values.min(axis=(0, 1)), values.max(axis=(0, 1))
    return replace(found, low=np.maximum(found.low, lowest), high=np.minimum(found.high, highest))


def difference_intervals(
    a: FloatArray, b: FloatArray, rng: np.random.Generator, level: float = 0.95, draws: int = 2000
) -> Intervals:
    """Intervals of the means of run a minus those of run b.

    Sessions are paired; seeds are not: those of two models have nothing to do with each other.

    Args:
        a: (seeds, sessions, metrics) of the one run.
        b: the same of the other, of as many sessions in the same order.
        rng: source of the resamples.
        level: coverage aimed at, between 0 and 1.
        draws: number of resamples.

    Raises:
        InputError: as `mean_intervals`, or the sessions differ in number.
    """
    if a.shape[1:] != b.shape[1:]:
        counts = f"{a.shape[1]} and {b.shape[1]}"
        raise InputError(f"cannot pair runs of {counts} sessions; evaluate the same")
    return _intervals([a, -b], rng, level, draws)


def portions(draws: int, width: int) -> Iterator[int]:
    """Split the draws so that a portion times `width` stays within the memory aimed at."""
    most = max(CELLS_AT_ONCE // width, 1)
    for start in range(0, draws, most):
        yield min(most, draws - start)


def _intervals(
    runs: Sequence[FloatArray], rng: np.random.Generator, level: float, draws: int
) -> Intervals:
    """Intervals of the sum of the runs' means."""
    sessions = np.sum([run.mean(axis=0) for run in runs], axis=0)
    _check(sessions, level, draws)
    seeds = [_seed_level(run) for run in runs if len(run) > 1]
    drawn = _session_means(sessions, rng, draws)
    for each in seeds:
        drawn += _seed_deviations(each.deviations, rng, draws)
    centre = sessions.mean(axis=0)
    ends = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    low, high = centre + _widening(drawn.var(axis=0), seeds, level) * (ends - centre)
    return Intervals(low, high, SEEDS_AND_SESSIONS if seeds else SESSIONS)


def _session_means(values: FloatArray, rng: np.random.Generator, draws: int) -> FloatArray:
    """(draws, m) means of as many of the (n, m) sessions, drawn with replacement."""
    n = len(values)
    parts = []
    for size in portions(draws, n):
        # A resample is how often each session occurs: multinomial counts.
        picked = rng.integers(n, size=(size, n), dtype=np.int32)
        places = picked + n * np.arange(size, dtype=np.int32)[:, None]
        counts = np.bincount(places.ravel(), minlength=size * n).reshape(size, n)
        parts.append(counts.astype(np.float64) @ values / n)
    return np.concatenate(parts)


def _seed_deviations(deviations: FloatArray, rng: np.random.Generator, draws: int) -> FloatArray:
    """(draws, m) means of s - 1 of the (s, m) seeds, drawn with replacement."""
    s = len(deviations)
    counts = rng.multinomial(s - 1, np.full(s, 1 / s), size=draws)
    return counts @ deviations / (s - 1)


def _seed_level(values: FloatArray) -> _Seeds:
    """What the seeds of a run add, from a two-way analysis of variance."""
    s, n, _ = values.shape
    means = values.mean(axis=1)
    deviations = means - means.mean(axis=0)
    spread = means.var(axis=0, ddof=1)
    residual = values - values.mean(axis=0) - deviations[:, None]
    noise = (residual**2).sum(axis=(0, 1)) / max((s - 1) * (n - 1), 1) / n
    own = np.divide(spread - noise, spread, out=np.zeros_like(spread), where=spread > noise)
    return _Seeds(deviations * np.sqrt(own), spread / s)


def _widening(variance: FloatArray, seeds: Sequence[_Seeds], level: float) -> FloatArray:
    """(m,) factors of the intervals' halves: Student's t over the normal quantile."""
    unsure = np.sum([each.variance**2 / (len(each.deviations) - 1) for each in seeds], axis=0)
    unsure = np.broadcast_to(unsure, variance.shape)
    freedom = np.full_like(variance, np.inf)
    np.divide(variance**2, unsure, out=freedom, where=unsure > 0)
    upper = (1 + level) / 2
    # Quantiles as scipy.stats has them, which takes half a second to import.
    return np.asarray(special.stdtrit(np.maximum(freedom, 1), upper) / special.ndtri(upper))


def _check(sessions: FloatArray, level: float, draws: int) -> None:
    if not len(sessions):
        raise InputError("no session to take an interval over")
    if not 0 < level < 1:
        raise InputError(f"interval level {level}: give a number between 0 and 1, such as 0.95")
    if draws < 1:
        raise InputError(f"{draws} bootstrap draws: give at least 1")
