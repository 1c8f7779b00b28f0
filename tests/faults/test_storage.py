"""Disks that are full and folders that may not be written: one line, and all is well afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.doubles.openai_models import OpenAIModelsDouble
from tests.faults.amount import chance, some
from tests.faults.conftest import note
from tests.faults.told import line_of
from tests.faults.world import World, differing, visible

FULL = "tiny.temporal.full"
STAGES = [
    "prepare_sessions tiny",
    "embed_items tiny.small",
    f"train_model {FULL}.net",
    "tune_model tiny.temporal.near",
    f"finetune_llm {FULL}.held",
    f"generate {FULL}.bought",
    f"recommend {FULL}.sim",
    f"evaluate {FULL}.sim",
    "build_leaderboard tiny.temporal",
    "build_report",
]
CASES = [(title, level) for title in STAGES for level in ("full", "nearly full")]
NEARLY = 48  # KiB free at most: enough for some of the files
IS_ROOT = os.geteuid() == 0


def mount(*arguments: str) -> None:
    """Mount, or skip the test with the reason."""
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """An empty file system of 96 MiB."""
    if not IS_ROOT or not shutil.which("mount"):
        pytest.skip("a small file system takes root and mount")
    place = tmp_path / "disk"
    place.mkdir()
    mount("-t", "tmpfs", "-o", "size=96m", "tmpfs", str(place))
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path, left: int) -> Path:
    """Leave that many KiB of a file system free; the file that fills it."""
    filler = place / "filler"
    with filler.open("wb") as stream:
        free = shutil.disk_usage(place).free - left * 1024
        stream.write(bytes(free))
    return filler


@pytest.mark.parametrize(("title", "level"), some(CASES, 4))
def test_a_full_disk_is_told_in_one_line(
    world: World, services: OpenAIModelsDouble, disk: Path, title: str, level: str
) -> None:
    job = world.job(title)
    folder = world.copy(disk / "project", job)
    left = 0 if level == "full" else chance(title).randrange(4, NEARLY, 4)
    filler = fill(disk, left)
    done = world.run(job, folder)
    expected = visible(world.folder)
    assert differing(visible(folder), expected) == []
    if done.returncode:
        line = line_of(done)
        assert "no space left" in line or "disk is full" in line, line
    note("full disk", job.rule, "told" if done.returncode else "room enough")
    filler.unlink()
    again = world.run(job, folder)
    assert again.returncode == 0, again.stderr
    assert visible(folder) == expected
    asked = [*services.asked.values(), *services.received.values()]
    assert max(asked, default=1) <= 2  # an answer that found no room


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """A folder, with all below it, that may be read only."""
    if IS_ROOT:  # to whom permissions are nothing
        mount("--bind", str(folder), str(folder))
        try:
            mount("-o", "remount,ro,bind", str(folder))
            yield
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
        return
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path in folders:
            path.chmod(0o755)


# Results of every stage; state and logs of those that differ.
FORBIDDEN = [(title, "results") for title in STAGES]
FORBIDDEN += [(title, place) for title in STAGES[1:4] for place in ("state", "logs")]


@pytest.mark.parametrize(("title", "place"), some(FORBIDDEN, 3))
def test_a_folder_without_permission_is_told_in_one_line(
    world: World, services: OpenAIModelsDouble, tmp_path: Path, title: str, place: str
) -> None:
    job = world.job(title)
    folder = world.copy(tmp_path / "project", job)
    (folder / "state").mkdir()
    with unwritable(folder / place):
        done = world.run(job, folder)
        assert differing(visible(folder), visible(world.folder)) == []
    if done.returncode:
        line = line_of(done)
        assert f"{place}/" in line, line
        assert any(
            word in line.lower() for word in ("read-only", "permission", "unable to open")
        ), line
    assert not services.received or place != "state"  # nothing is bought that cannot be kept
    note("permission", job.rule, "told" if done.returncode else "not concerned")
    again = world.run(job, folder)
    assert again.returncode == 0, again.stderr
    assert visible(folder) == visible(world.folder)
