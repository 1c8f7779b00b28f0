"""When a study has done enough, and when a trial is given up (study, §7.1.4). Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """How long a study goes on.

    Attributes:
        trials: most trials; None for no limit.
        patience: trials without a better value after which it ends; None for no limit.
        seconds: time of all trials together, divided by the workers; None for no limit.
        workers: how many share it.
    """

    trials: int | None
    patience: int | None
    seconds: float | None
    workers: int = 1


def why_ended(
    limits: Limits, begun: int, values: Sequence[float | None], seconds: float
) -> str | None:
    """Which limit is reached, or None while there is none.

    Args:
        limits: the limits.
        begun: trials that are done or being done, by whomever.
        values: those of the finished ones, in the order in which they ended; None of a failed or
            pruned one, which is no better one.
        seconds: what they took together.
    """
    if limits.trials is not None and begun >= limits.trials:
        return "trials"
    if limits.patience is not None and _since_best(values) >= limits.patience:
        return "patience"
    if limits.seconds is not None and seconds / limits.workers >= limits.seconds:
        return "time"
    return None


def is_hopeless(value: float, others: Sequence[float], share: float, fewest: int) -> bool:
    """Whether a value is among the worst share of those so far, once there are enough.

    Args:
        value: of the trial, after some folds.
        others: of the other trials after as many folds, given up or not.
        share: of the trials that are given up; 0 for none.
        fewest: others there must be.
    """
    if len(others) < fewest or share == 0:
        return False
    worse = sum(other < value for other in others)
    return worse < share * len(others) and value < max(others)


def _since_best(values: Sequence[float | None]) -> int:
    """Trials since the best one; all of them while none has a value."""
    known = [(value, place) for place, value in enumerate(values) if value is not None]
    if not known:
        return len(values)
    best = max(value for value, _ in known)
    first = next(place for value, place in known if value == best)
    return len(values) - 1 - first
