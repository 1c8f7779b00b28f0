"""A study that workers share: exact counts, no repeats, lost trials, the same draws again."""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from llmseqrec.config_search import Range, Search, Value
from llmseqrec.tuning import study as module
from llmseqrec.tuning.space import Point, Space, key
from llmseqrec.tuning.study import Claim, Ended, SharedStudy, counts

RANGES = {
    "x": Range(low=0, high=40, step=1),
    "kind": Range(choices=["a", "b"]),
    "y": Range(low=0.0, high=1.0, step=0.05, when={"kind": ["a"]}),
}


DEAD = f"{socket.gethostname()}/{2**30}/0"


def opened(
    folder: Path, ranges: Mapping[str, Range] = RANGES, axes: Any = None, **settings: Any
) -> SharedStudy:
    content = {"trials": 25, "random_trials": 8, "patience": None} | settings
    search = Search.model_validate({"run": "r", "dataset": "d", "split": "s"} | content)
    return SharedStudy(folder, Space(ranges, {}), search, axes or {})


def of_the_dead(folder: Path, **settings: Any) -> SharedStudy:
    """A study of which a process works that is gone."""
    study = opened(folder, **settings)
    return SharedStudy(folder, study.space, study.search, worker=DEAD)


def worth(point: Point) -> float:
    x, y = point["x"], point.get("y", 0.0)
    assert isinstance(x, int)
    assert isinstance(y, float)
    return -abs(x - 17) + y


def work(study: SharedStudy, most: int = 1000) -> Ended | None:
    """Do trials until the study has ended, or so many."""
    with study.working():
        for _ in range(most):
            taken = study.take()
            if isinstance(taken, Ended):
                return taken
            for claim in taken:
                study.finish(claim, worth(claim.point), {"seconds": 1.0})
    return None


def drawn(study: SharedStudy) -> list[Point]:
    return [dict(trial.params) for trial in study.trials if counts(trial)]


def take_one(study: SharedStudy) -> Claim:
    taken = study.take()
    assert isinstance(taken, list)
    return taken[0]


def test_a_resumed_study_draws_what_an_undisturbed_one_draws(tmp_path: Path) -> None:
    whole = opened(tmp_path / "whole")
    assert work(whole) == Ended("trials")
    for part in (3, 9, 4, 1000):
        work(opened(tmp_path / "parts"), part)
    again = opened(tmp_path / "parts")
    assert drawn(again) == drawn(whole)
    assert len({key(point) for point in drawn(again)}) == 25
    assert max(worth(point) for point in drawn(whole)) > -2


def test_another_seed_draws_otherwise(tmp_path: Path) -> None:
    one, other = opened(tmp_path / "one"), opened(tmp_path / "other", seed=2)
    work(one, 5)
    work(other, 5)
    assert drawn(one) != drawn(other)


def test_a_trial_of_a_dead_worker_is_failed_and_taken_up_again(tmp_path: Path) -> None:
    undisturbed = opened(tmp_path / "undisturbed")
    work(undisturbed)
    dying = of_the_dead(tmp_path / "dying")
    work(dying, 10)
    lost = take_one(dying)
    resumed = opened(tmp_path / "dying")
    assert work(resumed) == Ended("trials")
    states = [trial.state for trial in resumed.trials]
    assert states[lost.number] == TrialState.FAIL
    assert states.count(TrialState.COMPLETE) == 25
    assert drawn(resumed) == drawn(undisturbed)


def test_a_trial_of_a_living_worker_is_left_alone(tmp_path: Path) -> None:
    one, other = opened(tmp_path, trials=2), opened(tmp_path, trials=2)
    with one.working():
        first, second = take_one(one), take_one(other)
        assert first.point != second.point
        assert isinstance(other.take(), Ended)


def test_a_trial_that_kills_its_workers_is_given_up(tmp_path: Path) -> None:
    for _ in range(module.MOST_LOSSES):
        take_one(of_the_dead(tmp_path, trials=1))
    study = opened(tmp_path, trials=1)
    assert study.take() == Ended("trials")
    assert study.trials[-1].user_attrs["facts"]["reason"] == "3 workers died of it"


def test_a_late_answer_of_a_worker_taken_for_dead_changes_nothing(tmp_path: Path) -> None:
    late, other = of_the_dead(tmp_path, trials=1), opened(tmp_path, trials=1)
    claim = take_one(late)
    with other.working():
        again = take_one(other)
        late.finish(claim, 5.0, {})
        other.finish(again, 1.0, {})
    assert again.point == claim.point
    assert [trial.value for trial in other.trials] == [None, 1.0]


def test_a_failed_trial_counts_and_a_small_space_is_used_up(tmp_path: Path) -> None:
    ranges = {"x": Range(choices=[1, 2, 3])}
    study = opened(tmp_path, ranges)
    with study.working():
        study.fail(take_one(study), "no good")
        assert work_simple(study) == Ended("space")
    assert sorted(int(str(point["x"])) for point in drawn(study)) == [1, 2, 3]


def work_simple(study: SharedStudy) -> Ended:
    while not isinstance(taken := study.take(), Ended):
        for claim in taken:
            study.finish(claim, 0.0, {})
    return taken


def test_a_grid_is_worked_off_once_in_families_and_never_beyond_the_budget(tmp_path: Path) -> None:
    ranges = {"x": Range(choices=[1, 2, 3]), "k": Range(choices=[1, 2, 3, 4])}
    axes: dict[str, list[Value]] = {"k": [1, 2, 3, 4]}
    study = opened(tmp_path, ranges, axes, sampler="grid", trials=10)
    sizes = []
    with study.working():
        while not isinstance(taken := study.take(), Ended):
            sizes.append(len(taken))
            for claim in taken:
                study.finish(claim, 0.0, {})
    assert sizes == [4, 4, 2]
    assert taken == Ended("trials")
    whole = opened(tmp_path, ranges, axes, sampler="grid", trials=None)
    with whole.working():
        assert work_simple(whole) == Ended("space")
    assert len({key(point) for point in drawn(whole)}) == len(drawn(whole)) == 12


def test_hopeless_trials_are_told_after_a_fold(tmp_path: Path) -> None:
    study = opened(tmp_path, prune_after=5)
    with study.working():
        for number in range(5):
            claim = take_one(study)
            assert not study.report(claim, 1, float(number))
            study.finish(claim, float(number), {})
        bad, good = take_one(study), take_one(study)
        assert study.report(bad, 1, -1.0)
        study.prune(bad, {"folds": [-1.0]})
        assert not study.report(good, 1, 2.5)
        assert not study.report(good, 2, -5.0)  # no other one has got as far
    assert study.trials[bad.number].state == TrialState.PRUNED


def test_a_half_written_line_of_a_killed_worker_is_cut_off(tmp_path: Path) -> None:
    work(opened(tmp_path), 3)
    with (tmp_path / "journal.log").open("ab") as stream:
        stream.write(b'{"op_code": 4, "wor')
    study = opened(tmp_path)
    assert len(drawn(study)) == 3
    work(study, 1)
    assert len(drawn(opened(tmp_path))) == 4


@pytest.mark.parametrize(
    ("limit", "reason"), [({"patience": 4}, "patience"), ({"hours": 0.001}, "time")]
)
def test_whoever_notices_ends_it(tmp_path: Path, limit: dict[str, float], reason: str) -> None:
    study = opened(tmp_path, **limit)
    assert work(study) == Ended(reason)
    assert opened(tmp_path, **limit).take() == Ended(reason)


def test_a_trial_given_back_is_taken_up_again_however_often(tmp_path: Path) -> None:
    undisturbed = opened(tmp_path / "undisturbed")
    work(undisturbed)
    study = opened(tmp_path / "given_back")
    with study.working():
        first = take_one(study)
        for _ in range(module.MOST_LOSSES + 1):
            study.release([first])
            again = take_one(study)
            assert again.point == first.point
            first = again
        study.finish(first, worth(first.point), {"seconds": 1.0})
        study.release([first])  # has ended: stays so
    assert work(study) == Ended("trials")
    assert drawn(study) == drawn(undisturbed)
