"""A study that workers share when one of them dies, comes back, or stops between two lines."""

import time
from pathlib import Path
from typing import Any

import pytest

from llmseqrec.config_search import Range, Search
from llmseqrec.tuning.leases import Leases
from llmseqrec.tuning.space import Space
from llmseqrec.tuning.study import Claim, Ended, SharedStudy

GRID = {"a": Range(low=0, high=9, step=1), "b": Range(choices=["x", "y", "z"])}
FOUND = {"seconds": 0.0, "folds": [1.0]}


def shared(folder: Path, worker: str, **search: Any) -> SharedStudy:
    """A worker's view of a study; it has no lease, so that others take it for dead."""
    settings = Search.model_validate({"run": "r", "dataset": "d", "split": "s"} | search)
    return SharedStudy(folder, Space(GRID, {}), settings, {"b": ["x", "y", "z"]}, worker)


def taken(study: SharedStudy) -> list[Claim]:
    claims = study.take()
    assert not isinstance(claims, Ended)
    return claims


def points(claims: list[Claim]) -> list[Any]:
    return [claim.point for claim in claims]


def test_a_worker_that_was_taken_for_dead_stops_and_changes_nothing(tmp_path: Path) -> None:
    slow, heir = shared(tmp_path, "here/1/1"), shared(tmp_path, "here/2/2")
    lost = taken(slow)
    again = taken(heir)
    assert points(again) == points(lost)
    assert slow.report(lost[0], 1, 0.5)  # to be given up
    slow.finish(lost[0], 0.5, FOUND)
    heir.finish(again[0], 0.7, FOUND)
    assert [trial.value for trial in heir.trials if trial.value is not None] == [0.7]


def test_values_of_a_lost_trial_prune_nothing(tmp_path: Path) -> None:
    limits = {"prune_after": 1, "prune_share": 0.5}
    first = shared(tmp_path, "here/1/1", **limits)
    first.report(taken(first)[0], 1, 0.9)
    heir = shared(tmp_path, "here/2/2", **limits)
    again = taken(heir)
    assert not heir.report(again[0], 1, 0.1)  # it is alone
    assert heir.report(again[1], 1, 0.05)


def test_half_a_line_of_a_dead_worker_is_cut_off_by_whoever_writes_next(tmp_path: Path) -> None:
    study = shared(tmp_path, "here/1/1")
    begun = taken(study)
    with (tmp_path / "journal.log").open("ab") as journal:
        journal.write(b'{"op_code":5,"wor')
    for claim in begun:
        study.finish(claim, 0.5, FOUND)
    fresh = shared(tmp_path, "here/2/2")
    assert [trial.value for trial in fresh.trials] == [0.5] * len(begun)


def test_a_family_that_was_begun_in_part_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = points(taken(shared(tmp_path / "whole", "here/1/1")))
    dying, begin = shared(tmp_path / "part", "here/1/1"), SharedStudy._begin

    def dies(study: SharedStudy, *given: Any) -> Claim:
        if len(study.trials) == 2:
            raise KeyboardInterrupt
        return begin(study, *given)

    with monkeypatch.context() as patch:
        patch.setattr(SharedStudy, "_begin", dies)
        with pytest.raises(KeyboardInterrupt):
            dying.take()
    heir = shared(tmp_path / "part", "here/2/2")
    assert points(taken(heir)) == whole
    for claim in taken(shared(tmp_path / "part", "here/3/3")):
        heir.finish(claim, 0.5, FOUND)
    following = taken(heir)[0].point
    complete = shared(tmp_path / "whole", "here/2/2")
    for claim in taken(complete):
        complete.finish(claim, 0.5, FOUND)
    assert following == taken(complete)[0].point  # the next draw is the same


def test_a_worker_ends_when_its_own_time_is_over(tmp_path: Path) -> None:
    study = shared(tmp_path, "here/1/1", hours=1e-9, workers=4)
    assert study.take() == Ended("time")


def test_given_values_are_tried_before_any_are_drawn(tmp_path: Path) -> None:
    study = shared(tmp_path, "here/1/1", first=[{"a": 7, "b": "z"}, {"b": "y"}])
    begun = taken(study)
    assert points(begun)[0] == {"a": 7, "b": "z"}
    for claim in begun:
        study.finish(claim, 0.5, FOUND)
    second = points(taken(study))[0]
    assert second["b"] == "y"
    assert second["a"] != 7  # drawn


def test_time_of_failed_trials_counts(tmp_path: Path) -> None:
    study = shared(tmp_path, "here/1/1", hours=1)
    first, *others = taken(study)
    study.fail(first, "diverged", seconds=3600.0)
    for claim in others:
        study.finish(claim, 0.5, FOUND)
    assert study.take() == Ended("time")


def test_a_lease_outlives_a_file_system_that_is_away(tmp_path: Path) -> None:
    leases = Leases(tmp_path, "here/1/1", every=0.001)
    with leases.kept():
        (path,) = (tmp_path / "leases").iterdir()
        path.parent.rename(tmp_path / "away")
        end = time.monotonic() + 0.05
        while time.monotonic() < end:
            assert not path.exists()
        (tmp_path / "away").rename(path.parent)
        path.unlink()
        end = time.monotonic() + 30
        while not path.exists():
            assert time.monotonic() < end, "no sign of life any more"
