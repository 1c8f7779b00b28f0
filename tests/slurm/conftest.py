"""One cluster for all tests here, stopped at their end; what happened on it in a summary."""

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.slurm.cluster import HERE, Cluster

SUMMARY = ROOT / "results" / "slurm.json"
_STARTED = time.monotonic()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster; without SLURM, or the right to start it, its tests are skipped."""
    SUMMARY.unlink(missing_ok=True)
    _run_or_skip(1, "install.sh")
    base = tmp_path_factory.mktemp("slurm")
    # Asked to end, pytest is to stop the daemons too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _run_or_skip(2, "up.sh", base)
        found = Cluster(base)
        yield found
        _summarise(found)
    finally:
        subprocess.run([HERE / "down.sh", base], check=True, timeout=120)


def _run_or_skip(unavailable: int, script: str, *arguments: Path) -> None:
    """Run a script; an exit status of `unavailable` skips the test, any other one fails it."""
    done = subprocess.run(
        [HERE / script, *arguments], stderr=subprocess.PIPE, text=True, check=False, timeout=600
    )
    if done.returncode == unavailable:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr


def _summarise(cluster: Cluster) -> None:
    states = cluster.ended().values()
    counts = {"jobs": len(states), **Counter(state.lower() for state in states)}
    counts["retried"] = len(cluster.retried)
    seconds = round(time.monotonic() - _STARTED)
    SUMMARY.parent.mkdir(exist_ok=True)
    SUMMARY.write_text(json.dumps(counts | {"seconds": seconds}) + "\n", encoding="utf-8")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if SUMMARY.exists():
        terminalreporter.write_line(f"SLURM: {SUMMARY.read_text().strip()} ({SUMMARY})")
