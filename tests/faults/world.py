"""The project done once undisturbed, and copies of it in which single jobs are done again.

Snakemake is told to keep the scripts that it starts as jobs, each of which holds all that the job
is told. A copy of the finished project without the job's outputs, and such a script, are all it
takes to do one job as the workflow does it, in two seconds.
"""

from __future__ import annotations

import ast
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.doubles.openai_models import OpenAIModelsDouble
from tests.faults.project import CONFIGURED, TARGETS, make_project
from tests.workflow.copies import ROOT, VOLATILE, VOLATILE_STEMS, command, environment

HOOK = ROOT / "tests" / "faults" / "hook"
SCRIPTS = Path(".snakemake") / "scripts"
LONGEST = 3600  # seconds of a process, on a machine that has other things to do


@dataclass(frozen=True)
class Step:
    """A change of the file system; `at` seconds after the process began."""

    at: float
    event: str
    path: str


@dataclass(frozen=True)
class Job:
    """A job of the undisturbed run.

    Attributes:
        rule: name of its script.
        name: its log file without folder and ending.
        script: what Snakemake started.
        outputs: its files and folders, relative to the project.
        steps: what it changed, in order.
    """

    rule: str
    name: str
    script: Path
    outputs: tuple[str, ...]
    steps: tuple[Step, ...] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.rule} {self.name}"


@dataclass
class World:
    """What all trials share.

    Attributes:
        folder: the project in which all was done undisturbed.
        double: the services.
        jobs: by rule and name.
        spent: what the services were asked for in the undisturbed run.
    """

    folder: Path
    double: OpenAIModelsDouble
    jobs: dict[str, Job] = field(default_factory=dict)
    usd: float = 0.0

    def job(self, title: str) -> Job:
        """The job of a rule whose name begins in a way: `evaluate tiny.temporal.full.sim`."""
        return next(job for name, job in self.jobs.items() if name.startswith(title))

    def copy(self, target: Path, job: Job) -> Path:
        """What a job finds: the finished project without its outputs, and without any state.

        The journal of a search is an input of the job that merges it.
        """
        parts = ("config", "results", "logs", *(["state"] if job.rule == "merge_study" else []))
        for part in parts:
            shutil.copytree(self.folder / part, target / part)
        for name in job.outputs:
            remove(target / name)
        return target

    def whole_copy(self, target: Path, *without: str) -> Path:
        """The finished project with code and Snakemake's notes, for a workflow to go on in."""
        shutil.copytree(self.folder, target)
        for name in (*without, SCRIPTS, "state"):
            remove(target / name)
        return target

    def environment(self, folder: Path, **more: str) -> dict[str, str]:
        """Of a process that works in `folder`, with the code of the undisturbed project."""
        path = os.pathsep.join([str(HOOK), str(self.folder / "src")])
        own = {"PYTHONPATH": path, "FAULTS_ROOT": str(folder), "OPENAI_API_KEY": self.double.key}
        kept = environment()
        kept.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling takes as long as a job
        return kept | own | more

    def start(self, job: Job, folder: Path, **more: str) -> subprocess.Popen[str]:
        """Begin a job again in a copy."""
        for name in ("logs", *(str(Path(output).parent) for output in job.outputs)):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / f"logs/{job.rule}").mkdir(exist_ok=True)
        return subprocess.Popen(
            [sys.executable, str(job.script)],
            cwd=folder,
            env=self.environment(folder, **more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, job: Job, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
        """Do a job again in a copy, to its end."""
        return ended(self.start(job, folder, **more))


def remove(path: Path) -> None:
    """A file or a folder that may be there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def ended(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Wait for a process, however it ends."""
    out, err = process.communicate(timeout=LONGEST)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def make_world(root: Path, double: OpenAIModelsDouble) -> World:
    """Do the project once, and note what each job did."""
    folder = make_project(root, double.url)
    world, notes = World(folder, double), root / "steps"
    notes.mkdir()
    noted = {"FAULTS_SCRIPT": str(SCRIPTS), "FAULTS_STEPS": str(notes)}
    done = subprocess.run(
        command("--skip-script-cleanup", *CONFIGURED, "--", *TARGETS),
        cwd=folder,
        env=world.environment(folder, **noted),
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    world.jobs = {str(job): job for job in _jobs(folder / SCRIPTS, notes)}
    return world


def _jobs(scripts: Path, notes: Path) -> Iterator[Job]:
    for script in scripts.glob("*.py"):
        told = _told(script)
        log = Path(str(told.log[0]))
        steps = (notes / script.name).read_text().splitlines()
        yield Job(
            script.name.split(".")[1],
            log.stem,
            script,
            tuple(map(str, told.output)),
            tuple(Step(float(at), event, path) for at, event, path in map(str.split, steps)),
        )


def _told(script: Path) -> Any:
    """The object `snakemake` that a script of a job is given."""
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pickle.loads":
            return pickle.loads(ast.literal_eval(node.args[0]))
    raise AssertionError(f"{script}: no job of Snakemake")


def is_temporary(path: Path) -> bool:
    """Whether no reader takes a file: it, or a folder it lies in, is being written."""
    return any(part.startswith(".") and part.endswith(".tmp") for part in path.parts)


def visible(folder: Path, part: str = "results") -> dict[str, bytes]:
    """Every file that a reader may take and that must not differ, by relative path."""
    place = folder / part
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(place.rglob("*"))
        if path.is_file()
        and not is_temporary(path.relative_to(folder))
        and path.name not in VOLATILE
        and path.name.split(".")[0] not in VOLATILE_STEMS
        and ".worker" not in path.name  # of a search: how many trials it had left to do
    }


def differing(found: Mapping[str, bytes], expected: Mapping[str, bytes]) -> list[str]:
    """Names of files that are not those of the undisturbed run, or of none there."""
    return sorted(name for name, content in found.items() if expected.get(name) != content)
