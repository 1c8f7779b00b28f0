"""One cluster for all tests here, stopped at their end; what happened on it in a summary."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT
from tests.slurm.cluster import HERE, Cluster

SUMMARY = ROOT / "results" / "slurm.json"
_STARTED = time.monotonic()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster; without SLURM, or the right to start it, its tests are skipped."""
    installed = subprocess.run(
        [HERE / "install.sh"], stderr=subprocess.PIPE, text=True, check=False, timeout=600
    )
    if installed.returncode:
        pytest.skip(installed.stderr.strip())
    base = tmp_path_factory.mktemp("slurm")
    try:
        subprocess.run([HERE / "up.sh", base], check=True, timeout=120)
        yield Cluster(base)
    finally:
        if (base / "log" / "jobs.txt").exists():
            _summarise(Cluster(base).ended())
        subprocess.run([HERE / "down.sh", base], check=True, timeout=120)


def _summarise(states: dict[str, str]) -> None:
    counts = {"jobs": len(states), **Counter(state.lower() for state in states.values())}
    seconds = round(time.monotonic() - _STARTED)
    SUMMARY.parent.mkdir(exist_ok=True)
    SUMMARY.write_text(json.dumps(counts | {"seconds": seconds}) + "\n", encoding="utf-8")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if SUMMARY.exists():
        terminalreporter.write_line(f"SLURM: {SUMMARY.read_text().strip()} ({SUMMARY})")
