"""How much of what makes a trial good is due to each name (PED-ANOVA, Watanabe et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import FrozenTrial, TrialState, create_trial

ABSENT = "not searched"


def importance(trials: Sequence[FrozenTrial]) -> dict[str, float]:
    """Share of each name, by name; empty where all trials are equal.

    Optuna leaves out names that some trials lack. Here such a name, which has a condition, is one
    of categories, and not to be there is one of them.

    Args:
        trials: of a study; those that were completed count.
    """
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if len({trial.value for trial in complete}) < 2:
        return {}
    names = sorted({name for trial in complete for name in trial.params})
    partial = {
        n: _categories(complete, n) for n in names if any(n not in t.params for t in complete)
    }
    study = optuna.create_study(direction="maximize")
    study.add_trials([_filled(trial, partial) for trial in complete])
    shares = optuna.importance.get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
    return {name: float(share) for name, share in sorted(shares.items())}


def _categories(trials: Sequence[FrozenTrial], name: str) -> CategoricalDistribution:
    values = {str(trial.params.get(name, ABSENT)) for trial in trials}
    return CategoricalDistribution(sorted(values))


def _filled(trial: FrozenTrial, partial: dict[str, CategoricalDistribution]) -> FrozenTrial:
    """A trial that has every name."""
    params: dict[str, Any] = dict(trial.params)
    params |= {name: str(params.get(name, ABSENT)) for name in partial}
    distributions = trial.distributions | partial
    return create_trial(params=params, distributions=distributions, value=trial.value)
