"""What Snakemake takes for this workflow of 1,000 and 5,000 jobs, before any of them does anything.

Run with `python -m benchmarks scale_jobs`. Times are processor seconds: of a dry run, of another
once all outputs exist and were touched, and of touching them with both schedulers, which goes
through the whole queue of jobs and runs none. Runs are SKNN with random samples, five seeds each.
A queue that takes longer than `--limit` seconds is stopped, which is told.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks.common import RESULTS, ROOT, machine
from llmseqrec.contracts import read_json, write_json

SEEDS = 5
LIMIT = 600  # processor seconds
PARTS = ("Snakefile", "config", "envs", "profiles", "src", "workflow")


def configuration(runs: int, raw: Path) -> dict[str, Any]:
    """So many runs, of three jobs a seed and one more each."""
    named = {
        f"run{n}": {
            "display": f"Model {n}",
            "model": "sknn",
            "parameters": {"sampling": "random", "k": 100 + n},
        }
        for n in range(runs)
    }
    dataset = {
        "display": "Nothing",
        "format": "csv",
        "raw_dir": str(raw),
        "raw": {"interactions": {"name": "rows.csv"}, "items": {"name": "items.csv"}},
        "columns": {"title": "title"},
        "core": {"mode": "none"},
        "splits": {"temporal": {"protocol": "temporal"}},
    }
    return {
        "datasets": {"nothing": dataset},
        "runs": named,
        "experiments": [{"dataset": "nothing", "split": "temporal", "runs": list(named)}],
        "seeds": list(range(1, SEEDS + 1)),
        "tie_shuffles": 5,
    }


def project(root: Path, runs: int) -> None:
    """A copy of the workflow with a configuration of its own and raw files without rows."""
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, root / part)
    (root / "raw").mkdir()
    (root / "raw" / "rows.csv").write_text("session_id,item_id,timestamp\n")
    (root / "raw" / "items.csv").write_text("item_id,title\n")
    (root / "many.yaml").write_text(yaml.safe_dump(configuration(runs, root / "raw")))


def snakemake(root: Path, *options: str, limit: int = LIMIT) -> tuple[str, float]:
    """What it printed, and its processor seconds.

    Raises:
        TimeoutError: it was stopped after `limit` processor seconds of its own.
    """
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "many.yaml"]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        ["bash", "-c", f'ulimit -t {limit}; exec "$@"', "bash", *command, *options],
        cwd=root,
        env=kept,
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise TimeoutError
    if done.returncode:
        raise SystemExit(f"error: {(done.stdout + done.stderr)[-2000:]}")
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout + done.stderr, spent


def make_outputs(root: Path, printed: str) -> None:
    """Every output that a dry run names, empty; one without a suffix is a folder."""
    for line in re.findall(r"^ +output: (.*)$", printed, re.MULTILINE):
        for name in line.split(", "):
            path = root / re.sub(r" \(.*\)$", "", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix:
                path.touch()
            else:
                path.mkdir(exist_ok=True)


def measure(runs: int, limit: int) -> dict[str, float]:
    """Seconds of everything for a number of runs."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        project(root, runs)
        printed, planned = snakemake(root, "-n")
        found: dict[str, float] = {"jobs": float(re.findall(r"^total +(\d+)", printed, re.M)[0])}
        found["dry_run"] = planned
        print(f"{found['jobs']:.0f} jobs: dry_run {planned:.1f}", end="", flush=True)
        make_outputs(root, printed)
        touch = ("--touch", "--forceall", "-q")
        for name, options in (
            ("queue_greedy", touch),
            ("up_to_date", ("-n", "-q")),
            ("queue_ilp", (*touch, "--scheduler", "ilp")),
        ):
            if name == "up_to_date" and "queue_greedy" not in found:
                continue  # not all was touched
            try:
                _, found[name] = snakemake(root, *options, limit=limit)
            except TimeoutError:
                found[f"{name}_stopped_after"] = limit
                print(f"  {name} stopped after {limit}", end="", flush=True)
            else:
                print(f"  {name} {found[name]:.1f}", end="", flush=True)
    print()
    return found


def main(sizes: list[int], limit: int) -> None:
    """Measure each number of runs and add it to results/benchmarks/scale_jobs.json."""
    target = RESULTS / "scale_jobs.json"
    cases = read_json(target)["cases"] if target.is_file() else []
    for runs in sizes:
        case = measure(runs, limit)
        cases = [each for each in cases if each["jobs"] != case["jobs"]] + [case]
        write_json({"cases": cases, "machine": machine()}, target)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, nargs="+", default=[5, 62, 312])
    parser.add_argument("--limit", type=int, default=LIMIT, help="seconds a queue may take")
    given = parser.parse_args()
    main(given.runs, given.limit)
