"""The undisturbed project that all trials share, how many trials there are, and their summary."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles.openai_models import OpenAIModelsDouble, OpenAIModelsHandler
from tests.doubles.server import serving
from tests.faults.world import World, make_world

# What came of each trial, by kind of fault and stage.
FOUND: Counter[tuple[str, str, str]] = Counter()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The project, done once, and the services it asks."""
    with serving(OpenAIModelsHandler, OpenAIModelsDouble()) as double:
        yield make_world(tmp_path_factory.mktemp("undisturbed"), double)


@pytest.fixture
def services(world: World) -> OpenAIModelsDouble:
    """The services as if nobody had asked them; they still know the model they trained."""
    double, fresh = world.double, OpenAIModelsDouble()
    kept = {name: getattr(double, name) for name in ("url", "models", "writers")}
    with double.lock:
        double.__dict__.update(fresh.__dict__ | kept)
    return double


def note(fault: str, stage: str, outcome: str) -> None:
    """Count what came of a trial."""
    FOUND[fault, stage, outcome] += 1


def summary() -> list[str]:
    """A line a kind of fault and stage."""
    lines = []
    for fault, stage in sorted({key[:2] for key in FOUND}):
        outcomes = {key[2]: n for key, n in FOUND.items() if key[:2] == (fault, stage)}
        told = ", ".join(f"{n} {outcome}" for outcome, n in sorted(outcomes.items()))
        lines.append(f"{fault:10} {stage:24} {told}")
    for fault in sorted({key[0] for key in FOUND}):
        lines.append(f"{fault}: {sum(n for key, n in FOUND.items() if key[0] == fault)} trials")
    return lines


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the summary, and write it where FAULTS_SUMMARY says."""
    for line in summary():
        terminalreporter.write_line(line)
    if FOUND and (target := os.environ.get("FAULTS_SUMMARY")):
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).write_text("\n".join(summary()) + "\n")
