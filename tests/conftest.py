"""What several tests stand on: the real data, where there are any, and a tiny prepared dataset."""

import logging
import os

# Small work on several threads is slower than on one, most of all on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# ruff: isort: split
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from llmseqrec.config import Config, Dataset, parse_config
from llmseqrec.data.prepare import prepare_sessions
from llmseqrec.data.splits import write_part

# A slow machine is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = ROOT / "tests" / "workflow"
DAY = 86_400


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that run workflows first, the longest before all: what is short fills the end."""
    items.sort(key=lambda item: WORKFLOWS not in item.path.parents)
    items.sort(key=lambda item: item.path != WORKFLOWS / "test_quickstart.py")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real raw files; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("LLMSEQREC_REAL_DATA", ROOT.parent / "shared" / "data" / "real"))
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}; set LLMSEQREC_REAL_DATA")
    return folder


@dataclass(frozen=True)
class Tiny:
    """A prepared dataset of 40 sessions in two groups of five items, and one item in all of them.

    Attributes:
        root: the working folder; raw files in raw/, prepared tables in results/tiny/.
        config: a configuration of two runs on it.
    """

    root: Path
    config: Config

    @property
    def dataset(self) -> Dataset:
        return self.config.datasets["tiny"]

    @property
    def folder(self) -> Path:
        """The prepared tables."""
        return self.root / "results" / "tiny"


def tiny_rows() -> list[str]:
    """Two interactions of a session share each day, and sessions end one day after another."""
    rows = ["session_id,item_id,timestamp,title,category"]
    for session in range(40):
        group, start = "ab"[session % 2], session // 2
        items = [f"{group}{(start + step) % 5}" for step in range(3)]
        items.insert(session % 4, "hub")
        for position, item in enumerate(items):
            time = (100 + session + position // 2) * DAY
            rows.append(f"user {session},{item},{time},title of {item},{item[0]}|all")
    return rows


def tiny_content(raw_dir: Path) -> dict:
    """The configuration of the tiny dataset, before it is checked."""
    return {
        "datasets": {
            "tiny": {
                "display": "Tiny",
                "format": "csv",
                "raw_dir": str(raw_dir),
                "raw": {"interactions": {"name": "rows.csv"}},
                "columns": {"title": "title", "category": "category"},
                "core": {"minimum": 2},
                "splits": {
                    "temporal": {"protocol": "temporal"},
                    "leave_one_out": {"protocol": "leave_one_out"},
                },
            }
        },
        "runs": {
            "most_popular": {"display": "MostPopular", "model": "most_popular"},
            "v_sknn": {"display": "V-SKNN", "model": "sknn", "parameters": {"decay": "linear"}},
        },
        "experiments": [
            {"dataset": "tiny", "split": "temporal", "runs": ["most_popular", "v_sknn"]}
        ],
        "cutoffs": [1, 5],
        "top_k": 5,
        "tie_shuffles": 0,
    }


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """The tiny dataset with its temporal split; read it, write elsewhere."""
    root = tmp_path_factory.mktemp("tiny")
    raw = root / "raw"
    raw.mkdir()
    (raw / "rows.csv").write_text("\n".join(tiny_rows()) + "\n")
    made = Tiny(root, parse_config(tiny_content(raw)))
    prepare_sessions(made.dataset, {"interactions": raw / "rows.csv"}, made.folder)
    split = made.dataset.splits["temporal"]
    for subset in ("train", "test"):
        target = made.folder / "temporal" / "full" / subset
        write_part(made.folder, split, "full", subset, target)
    return made


@pytest.fixture
def own_logging() -> Iterator[None]:
    """Put logging back as it was: a job has a process of its own, a test has not."""
    root, filters = logging.getLogger(), warnings.filters[:]
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    warnings.filters[:] = filters
