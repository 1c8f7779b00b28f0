"""Reductions in the workflow: a chain, and one that is fitted on training items, to the table."""

from pathlib import Path

import pandas as pd
import yaml

from llmseqrec.contracts import read_json
from tests.conftest import tiny_content, tiny_rows
from tests.workflow.copies import copy_project, run

REDUCTIONS = {
    "chained": {
        "steps": [{"method": "zca", "power": 0.5}, {"method": "autoencoder", "dimensions": 4}]
    },
    "of_training": {"method": "pca_whitening", "dimensions": 4, "fit_on": "training"},
}


def content(raw: Path) -> dict:
    """The tiny dataset, where fold 1 trains on fewer items than there are."""
    raw.mkdir()
    late = [f"late,{item},900000000,title of {item},c|all" for item in ("c0", "hub", "a0", "b0")]
    late += [f"later,{item},900000000,title of {item},c|all" for item in ("c0", "hub", "a0", "b0")]
    (raw / "rows.csv").write_text("\n".join([*tiny_rows(), *late]) + "\n")
    made = tiny_content(raw)
    made["embeddings"] = {"minilm": {}}
    made["reductions"] = REDUCTIONS
    for name in REDUCTIONS:
        made["runs"][name] = {
            "display": name,
            "model": "llm_seq_sim",
            "embedding": "minilm",
            "reduction": name,
        }
    made["experiments"][0] |= {"runs": ["most_popular", *REDUCTIONS], "parts": ["full", "fold1"]}
    return made


def test_reductions_run_to_the_table(tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")
    (folder / "config" / "own.yaml").write_text(yaml.safe_dump(content(tmp_path / "raw")))
    done = run(folder, "all", "--configfile", "config/own.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    table = pd.read_csv(folder / "results" / "tables" / "leaderboard.tiny.temporal.csv")
    assert table.set_index("model")["status"].to_dict() == dict.fromkeys(
        ("MostPopular", *REDUCTIONS), "ran"
    )
    tiny = folder / "results" / "tiny"
    facts = read_json(tiny / "embeddings" / "minilm.chained.json")
    assert [step["method"] for step in facts["steps"]] == ["zca", "autoencoder"]
    assert not (tiny / "embeddings" / "minilm.of_training.npy").exists()
    items = len(pd.read_parquet(tiny / "items.parquet"))
    parts = {
        part: read_json(tiny / "temporal" / part / "embeddings" / "minilm.of_training.json")
        for part in ("full", "fold1")
    }
    assert facts["fitted_on"] == items
    assert parts["fold1"]["fitted_on"] < items
    assert {part["fit_on"] for part in parts.values()} == {"training"}
