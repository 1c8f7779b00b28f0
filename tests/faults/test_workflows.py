"""Whole workflows: killed at any moment and done again, and two of them in one folder."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.doubles.openai_models import OpenAIModelsDouble
from tests.faults.amount import WHOLE, chance, some
from tests.faults.bought import ONE_TRAINING, nothing_is_bought_twice
from tests.faults.conftest import note
from tests.faults.project import CONFIGURED, TARGETS
from tests.faults.world import LONGEST, World, differing, visible
from tests.workflow.copies import command

FULL = "results/tiny/temporal/full"
ALL = ("results", "logs", ".snakemake")
# What is made anew where not everything is: answers that are paid for, and what is made of them.
PART = (f"{FULL}/bought", *TARGETS)
TAKEN = "another workflow makes the same files in this folder; run again when it has ended"
FINISHED = "Finished jobid: "
NOTHING = "Nothing to be done"
AT_MOST = 3.0  # seconds between the end of a job and the kill


@dataclass(frozen=True)
class Workflow:
    """A snakemake that was started, the first of its process group, and what it says."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        """Up to now."""
        return self.log.read_text()

    def has_ended(self) -> bool:
        """However it did."""
        return self.process.poll() is not None

    def wait_for(self, text: str, times: int = 1) -> None:
        """Until it has said something so often, or has ended."""
        until(lambda: self.said().count(text) >= times or self.has_ended())

    def end(self) -> int:
        """Wait for it."""
        return self.process.wait(LONGEST)

    def kill(self, *, with_jobs: bool) -> None:
        """SIGKILL, with all of its jobs or so that they go on."""
        if with_jobs:
            with suppress(ProcessLookupError):  # all have ended
                os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()
        self.process.wait()


def start(world: World, folder: Path, name: str = "first") -> Workflow:
    """Snakemake on the whole project."""
    log = folder.parent / f"{name}.log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            command(*CONFIGURED, "--", *TARGETS),
            cwd=folder,
            env=world.environment(folder),
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Workflow(process, log)


def until(done: Callable[[], bool]) -> None:
    """Wait, however busy the machine is."""
    latest = time.monotonic() + LONGEST
    while not done():
        assert time.monotonic() < latest
        time.sleep(0.05)


def living(folder: Path) -> Iterator[int]:
    """Processes that work in a folder."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(process / "cwd")) == folder.resolve():
                yield int(process.name)
        except OSError:  # it has ended
            continue


def in_the_end_all_is_as_ever(world: World, services: OpenAIModelsDouble, folder: Path) -> None:
    """Nobody works any more, and all is there, with the bytes it should have."""
    until(lambda: not list(living(folder)))
    found, expected = visible(folder), visible(world.folder)
    assert sorted(found) == sorted(expected)
    assert differing(found, expected) == []
    nothing_is_bought_twice(services, folder)
    assert services.steps == ONE_TRAINING


KILLS = [(how, number) for number in range(3) for how in ("with its jobs", "alone")]


@pytest.mark.parametrize(("how", "number"), some(KILLS, 1))
def test_a_killed_workflow_goes_on_as_if_nothing_had_been(
    world: World, services: OpenAIModelsDouble, tmp_path: Path, how: str, number: int
) -> None:
    drawn, undone = chance(how, number), ALL if WHOLE else PART
    jobs = len(world.jobs) if WHOLE else 8
    after = int((number + drawn.random()) / 3 * jobs)
    seconds = drawn.random() * AT_MOST
    folder = world.whole_copy(tmp_path / "project", *undone)
    first = start(world, folder)
    first.wait_for(FINISHED, after)
    time.sleep(seconds)  # no matter what it does then
    ended = first.has_ended()
    first.kill(with_jobs=how == "with its jobs")
    logging.info("killed %s %.1f s after %d of %d jobs", how, seconds, after, jobs)
    if how == "with its jobs":
        assert differing(visible(folder), visible(world.folder)) == []  # nothing half-written
    again = start(world, folder, "second")
    assert again.end() == 0, again.said()
    in_the_end_all_is_as_ever(world, services, folder)
    note("workflow", f"killed {how}", "ended before the kill" if ended else "killed and mended")


def refused(workflow: Workflow) -> None:
    """It ended with a clear line, and without having done a thing."""
    assert workflow.end() != 0
    said = workflow.said()
    assert "Traceback" not in said, said
    assert said.splitlines().count(TAKEN) == 1, said
    assert FINISHED not in said


@pytest.mark.parametrize("moment", some(("at once", "while it runs", "after it is killed"), 1))
def test_of_two_workflows_in_one_folder_one_is_refused(
    world: World, services: OpenAIModelsDouble, tmp_path: Path, moment: str
) -> None:
    folder = world.whole_copy(tmp_path / "project", *PART)
    first = start(world, folder)
    if moment != "at once":
        first.wait_for(FINISHED)
    second = start(world, folder, "second")
    if moment == "after it is killed":  # which the other, having looked, cannot know
        second.wait_for("Building DAG of jobs")
        first.kill(with_jobs=True)
    codes = first.end(), second.end()
    killed = codes[0] < 0
    if codes == (0, 0):  # a fast first one
        assert NOTHING in second.said()
    else:
        assert codes.count(0) == (not killed), first.said() + second.said()
        refused(second if codes[0] <= 0 else first)
    later = start(world, folder, "later")
    assert later.end() == 0, later.said()
    assert (NOTHING in later.said()) == (not killed)
    in_the_end_all_is_as_ever(world, services, folder)
    met = "the first had ended" if codes == (0, 0) else "one did it, one was refused"
    note("two", moment, met)
