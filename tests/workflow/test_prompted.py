"""Prompt tasks in the workflow: prompts, a small language model, answers, lists, tables."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from llmseqrec.contracts import read_json
from tests.conftest import tiny_content, tiny_rows
from tests.workflow.copies import copy_project, run

SMALL = {
    "provider": "small",
    "dim": 32,
    "layers": 1,
    "heads": 2,
    "key_heads": 2,
    "inner": 64,
    "context": 256,
    "vocabulary": 300,
    "epochs": 20,
    "learning_rate": 0.01,
    "warmup_steps": 5,
    "batch_tokens": 512,
}
ASKED = {"model": "gen_item", "language_model": "small", "embedding": "minilm"}
HELD = {"style": "items", "decoding": "constrained", "samples": 5, "k": 5}
FREE = {"style": "items", "samples": 5, "k": 5, "sampling": {"temperature": 1, "max_tokens": 32}}
CASES = {"cases": {"validation": 4}}
RUNS = {
    "held": {"display": "GenItem", **ASKED, "parameters": HELD | CASES},
    "free": {
        "display": "GenItem (free)",
        **ASKED,
        "finetuned_by": "held",
        "parameters": FREE | CASES,
    },
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which two prompted runs were done."""
    root = tmp_path_factory.mktemp("prompted")
    folder = copy_project(root / "project")
    (root / "raw").mkdir()
    (root / "raw" / "rows.csv").write_text("\n".join(tiny_rows()) + "\n")
    content = tiny_content(root / "raw")
    content |= {"embeddings": {"minilm": {}}, "language_models": {"small": SMALL}}
    content["runs"] |= RUNS
    content["experiments"][0]["runs"] = ["most_popular", *RUNS]
    content["tie_shuffles"] = 2
    (folder / "config" / "own.yaml").write_text(yaml.safe_dump(content))
    done = run(folder, "tables", "--configfile", "config/own.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def seed(folder: Path, name: str) -> Path:
    return folder / "results" / "tiny" / "temporal" / "full" / name / "seed1"


def test_prompted_runs_stand_in_the_leaderboard(finished: Path) -> None:
    tables = finished / "results" / "tables"
    board = pd.read_csv(tables / "leaderboard.tiny.temporal.csv").set_index("model")
    assert board["status"].to_dict() == dict.fromkeys(
        ("MostPopular", *(run["display"] for run in RUNS.values())), "ran"
    )
    # Their order of ties is not shuffled: each shuffle would ask the model again.
    shuffled = board["ndcg@5_ties_mean"].notna()
    assert shuffled[shuffled].index.tolist() == ["MostPopular"]


def test_a_held_model_names_items_alone_and_a_free_one_is_the_same_model(finished: Path) -> None:
    names = read_json(seed(finished, "held") / "names.test.json")
    assert (names["hallucinated"], names["generated"], names["distinct"]) == (0, 40, 40)
    assert not (seed(finished, "free") / "language_model").exists()
    facts = [read_json(seed(finished, name) / "run.json") for name in ("held", "free")]
    assert facts[0]["language_model"] == facts[1]["language_model"]
    assert facts[0]["config_hash"] != facts[1]["config_hash"]
