"""Counts of a split, checked by hand on a dataset small enough to count."""

from pathlib import Path

import pytest

from llmseqrec.config import LeaveOneOut, Temporal, parse_config
from llmseqrec.data.prepare import prepare_sessions
from llmseqrec.data.statistics import describe_split
from tests.conftest import Tiny

# Ten sessions of three rows on ten days; "new" occurs in the last session only.
SESSIONS = {f"s{n}": ["a", "b", "c" if n < 9 else "new"] for n in range(10)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("counted")
    rows = [
        f"{key},{item},{1000 * int(key[1:]) + position}"
        for key, items in SESSIONS.items()
        for position, item in enumerate(items)
    ]
    (root / "rows.csv").write_text("\n".join(["session_id,item_id,timestamp", *rows]) + "\n")
    dataset = parse_config(
        {
            "datasets": {
                "counted": {
                    "display": "Counted",
                    "format": "csv",
                    "core": {"mode": "none"},
                    "splits": {"temporal": {"protocol": "temporal"}},
                }
            },
            "runs": {"most_popular": {"display": "MostPopular", "model": "most_popular"}},
            "experiments": [{"dataset": "counted", "split": "temporal", "runs": ["most_popular"]}],
        }
    ).datasets["counted"]
    prepare_sessions(dataset, {"interactions": root / "rows.csv"}, root / "out")
    return root / "out"


def test_temporal_counts(folder: Path) -> None:
    found = describe_split(folder, Temporal())
    assert {name: found[name] for name in found if name != "data_hash"} == {
        "sessions": 10,
        "items": 4,
        "classes": None,
        "interactions": 30,
        "untitled_items": 4,
        "protocol": "temporal",
        "train_sessions": 8,
        "train_interactions": 24,
        "train_items": 3,
        "test_sessions_unfiltered": 2,
        "test_interactions_unfiltered": 6,
        "test_interactions": 5,
        "test_prompt_items": 3,
        "test_items": 3,
        "prompt_lengths": {"1": 1, "2": 1},
        "test_sessions": 2,
    }


def test_leave_one_out_counts(folder: Path) -> None:
    found = describe_split(folder, LeaveOneOut())
    assert (found["train_sessions"], found["train_interactions"]) == (10, 10)
    assert (found["valid_sessions"], found["test_sessions"]) == (10, 10)
    assert found["prompt_lengths"] == {"2": 10}


def test_counts_add_up(tiny: Tiny) -> None:
    found = describe_split(tiny.folder, tiny.dataset.splits["temporal"])
    assert found["classes"] == 3
    total = found["train_interactions"] + found["test_interactions_unfiltered"]
    assert total == found["interactions"]
    assert found["test_prompt_items"] + found["test_sessions"] == found["test_interactions"]
    assert sum(found["prompt_lengths"].values()) == found["test_sessions"]
