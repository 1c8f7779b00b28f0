"""Jobs that are killed at any moment: what is visible is whole, and what follows ends as ever."""

from __future__ import annotations

import logging
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.doubles.openai_models import OpenAIModelsDouble
from tests.faults.amount import chance, some
from tests.faults.bought import nothing_is_bought_twice
from tests.faults.conftest import note
from tests.faults.world import Job, World, differing, visible

FULL = "tiny.temporal.full"
# Jobs of every stage, and how often each is killed in the whole run.
KILLS = {
    "prepare_sessions tiny": 6,
    f"split_sessions {FULL}.test": 3,
    "embed_items tiny.small": 6,
    "reduce_embeddings tiny.small.pca": 3,
    f"train_model {FULL}.net": 8,
    f"train_model {FULL}.sim": 2,
    "tune_model tiny.temporal.near": 8,
    "merge_study tiny.temporal.near": 2,
    f"build_prompts {FULL}.held": 2,
    f"finetune_llm {FULL}.held": 4,
    f"finetune_llm {FULL}.bought": 5,
    f"generate {FULL}.bought": 5,
    f"resolve_generations {FULL}.bought": 2,
    f"recommend {FULL}.sim": 2,
    f"evaluate {FULL}.sim": 3,
    "compare_models tiny.temporal": 1,
    "build_leaderboard tiny.temporal": 2,
    "plot_experiment tiny.temporal": 2,
    "build_report": 2,
}
CASES = [(title, number) for title, count in KILLS.items() for number in range(count)]


@dataclass(frozen=True)
class Moment:
    """A step of a job, from 1, and seconds after its beginning."""

    step: int
    seconds: float

    def settings(self) -> dict[str, str]:
        """For the hook."""
        return {
            "FAULTS_SCRIPT": ".snakemake",
            "FAULTS_KILL_AT": str(self.step),
            "FAULTS_KILL_AFTER": f"{self.seconds:.4f}",
        }


def moment(job: Job, number: int, count: int) -> Moment:
    """The `number`th of `count` moments of a job, half of them between two steps."""
    drawn = chance(job, number)
    step = min(int((number + drawn.random()) / count * len(job.steps)), len(job.steps) - 1)
    if number % 2 == 0 or step + 1 == len(job.steps):
        return Moment(step + 1, 0.0)
    gap = job.steps[step + 1].at - job.steps[step].at
    return Moment(step + 1, drawn.random() * gap)


@pytest.mark.parametrize(("title", "number"), some(CASES, 12), ids=lambda value: str(value))
def test_a_killed_job_is_done_again_as_if_nothing_had_been(
    world: World, services: OpenAIModelsDouble, tmp_path: Path, title: str, number: int
) -> None:
    job = world.job(title)
    when = moment(job, number, KILLS[title])
    logging.info("%s: killed at %s of %d, %s", job, when, len(job.steps), job.steps[when.step - 1])
    folder = world.copy(tmp_path / "project", job)
    killed = world.run(job, folder, **when.settings())
    assert killed.returncode in (0, -signal.SIGKILL), killed.stderr
    expected = visible(world.folder)
    assert differing(visible(folder), expected) == []  # nothing half-written
    again = world.run(job, folder)
    assert again.returncode == 0, again.stderr
    if job.rule == "tune_model":
        trials_are_the_same(world, folder)
    assert visible(folder) == expected
    if services.received or services.asked:
        nothing_is_bought_twice(services, folder)
    ended = "killed and mended" if killed.returncode else "ended before the kill"
    note("kill", job.rule, ended)


def trials_are_the_same(world: World, folder: Path) -> None:
    """Merge what is in the journal."""
    merge = world.job("merge_study")
    for output in merge.outputs:
        (folder / output).unlink()
    done = world.run(merge, folder)
    assert done.returncode == 0, done.stderr
