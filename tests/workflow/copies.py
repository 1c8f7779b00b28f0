"""A copy of the project to run the workflow in, and ways to run it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "config", "envs", "profiles", "src", "workflow")
# Run-dependent by nature: dates, wall times, and Snakemake's own time stamps.
VOLATILE = ("test_ledger.csv", ".snakemake_timestamp", "index.html")
# Of the table and the figures of wall times, whatever their format; the report's page (index.html)
# shows them too.
VOLATILE_STEMS = ("costs",)


def copy_project(target: Path) -> Path:
    """The files a workflow needs, without results."""
    target.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=shutil.ignore_patterns("__pycache__"))
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


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run snakemake to its end."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
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
