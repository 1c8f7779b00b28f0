"""A copy of the project to run the workflow in, and ways to run it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "config", "envs", "profiles", "src", "workflow")
# What differs from run to run, the one list of it: dates, Snakemake's own time stamps, and wall
# times, which the report's page shows too. All else below results/ compares byte for byte.
VOLATILE = ("test_ledger.csv", ".snakemake_timestamp", "index.html")
# The table and the figure of wall times, whatever their format.
VOLATILE_STEMS = ("costs",)


def copy_project(target: Path) -> Path:
    """The files a workflow needs, without results."""
    target.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            # With compiled files, which are valid for copies; those being written end in a number.
            shutil.copytree(source, target / part, ignore=shutil.ignore_patterns("*.pyc.*"))
        else:
            shutil.copy(source, target / part)
    return target


def command(*arguments: str) -> list[str]:
    """A snakemake call with the interpreter of the tests."""
    return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]


def environment() -> dict[str, str]:
    """The environment without what would let a job reach the network or this checkout."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return kept | {"HF_HUB_OFFLINE": "1", "NO_COLOR": "1"}


def run(
    folder: Path,
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    python: str = sys.executable,
) -> subprocess.CompletedProcess[str]:
    """Run snakemake to its end, with further variables or another environment's interpreter."""
    return subprocess.run(
        [python, *command(*arguments)[1:]],
        cwd=folder,
        env=environment() | dict(variables or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below `results/`, by relative path, that must not differ between two runs."""
    results = folder / "results"
    return {
        str(path.relative_to(results)): path.read_bytes()
        for path in sorted(results.rglob("*"))
        if path.is_file()
        and path.name not in VOLATILE
        and path.name.split(".")[0] not in VOLATILE_STEMS
    }


def planned(folder: Path, *arguments: str) -> set[tuple[str, str]]:
    """Rules that a call would run, each with the run it is of, or with nothing."""
    done = run(folder, *arguments, "--dry-run")
    assert done.returncode == 0, done.stderr[-2000:]
    jobs = re.findall(r"^rule (\w+):\n((?: +.*\n)*)", done.stdout + done.stderr, re.MULTILINE)
    return {(rule, (re.findall(r" run=(\w+)", told) or [""])[0]) for rule, told in jobs}
