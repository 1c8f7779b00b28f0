"""Importance of searched names, of those with conditions too."""

from itertools import product

from optuna.trial import FrozenTrial, TrialState, create_trial

from llmseqrec.config_search import Range
from llmseqrec.tuning.importance import importance
from llmseqrec.tuning.space import Point, Space

SPACE = Space(
    {
        "pooling": Range(choices=["mean", "last"]),
        "decay": Range(choices=[None, "log", "harmonic"], when={"pooling": ["mean"]}),
        "noise": Range(low=0, high=9, step=1),
    },
    {},
)


def trial(point: Point, value: float) -> FrozenTrial:
    distributions = SPACE.distributions(point)
    return create_trial(params=dict(point), distributions=distributions, value=value)


def test_a_name_with_a_condition_has_its_share() -> None:
    trials = [trial(point, float(point.get("decay") == "harmonic")) for point in SPACE.points()]
    trials.append(create_trial(state=TrialState.FAIL))
    found = importance(trials)
    assert found.keys() == {"pooling", "decay", "noise"}
    assert max(found, key=found.__getitem__) == "decay"


def test_equal_trials_have_no_importance() -> None:
    points = product(["last"], range(5))
    trials = [trial({"pooling": pooling, "noise": n}, 0.5) for pooling, n in points]
    assert importance(trials) == {}
