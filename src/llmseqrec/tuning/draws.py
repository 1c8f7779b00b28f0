"""What comes next in a study: a point by chance, by TPE, or of what is left of a grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from optuna import Study
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import TrialState, create_trial

from llmseqrec.config_search import Search
from llmseqrec.tuning.space import Point, Space, key

REDRAWS = 50  # draws of known points after which the space counts as used up


def next_point(
    study: Study, space: Space, search: Search, draw: int, known: set[str]
) -> Point | None:
    """A point that nobody has begun; None where none is left, or none is found.

    Chance follows from the study's seed and the number of the draw.

    Args:
        study: what was tried so far; opened anew, since it keeps the trials it was first asked for.
        space: what is drawn from.
        search: the settings.
        draw: number of the draw.
        known: keys of the points that were begun.
    """
    if search.sampler == "grid":
        left = [point for point in space.points() if key(point) not in known]
        rng = np.random.default_rng([search.seed, len(known)])
        return left[int(rng.integers(len(left)))] if left else None
    for attempt in range(REDRAWS):
        point = _drawn(study, space, search, (draw, attempt))
        if key(point) not in known:
            return point
    return None


def _drawn(study: Study, space: Space, search: Search, number: tuple[int, int]) -> Point:
    """The point of an attempt at a draw."""
    seed = np.random.SeedSequence([search.seed, *number]).generate_state(1)[0]
    sampler: BaseSampler = RandomSampler(seed=int(seed))
    # A draw that was known already is followed by random ones: TPE would cling to it.
    if search.sampler == "tpe" and number[1] < REDRAWS // 2:
        startup = search.random_trials
        sampler = TPESampler(seed=int(seed), n_startup_trials=startup, multivariate=False)
    blank = create_trial(state=TrialState.RUNNING)
    given = search.first[number[0]] if number[0] < len(search.first) and not number[1] else {}

    def one(name: str, distribution: Any) -> Any:
        if name in given:
            return given[name]
        return sampler.sample_independent(study, blank, name, distribution)

    return space.draw(one)
