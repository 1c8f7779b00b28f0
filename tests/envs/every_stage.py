"""A tiny workflow with jobs of every environment, and of the rules that the quickstart lacks."""

from pathlib import Path

import yaml

from tests.conftest import tiny_content, tiny_rows
from tests.workflow.copies import copy_project

FOLDER = "results/tiny/temporal"
SMALL = {
    "provider": "small",
    "dim": 32,
    "layers": 1,
    "heads": 2,
    "key_heads": 2,
    "inner": 64,
    "context": 256,
    "vocabulary": 300,
    "epochs": 2,
    "batch_tokens": 512,
}
RUNS = {
    "near": {"display": "Near", "model": "cooccurrence"},
    "best": {
        "display": "Best",
        "model": "cooccurrence",
        "params_from": "tuned",
        "search": "near",
    },
    "asked": {
        "display": "GenItem",
        "model": "gen_item",
        "language_model": "small",
        "embedding": "minilm",
        "parameters": {
            "style": "items",
            "decoding": "constrained",
            "samples": 5,
            "k": 5,
            "cases": {"validation": 4},
        },
    },
    "theirs": {"display": "Theirs", "model": "external", "parameters": {"path": "theirs.csv"}},
}
SIMILARITIES = {
    "dataset": "tiny",
    "split": "temporal",
    "embeddings": ["minilm"],
    "reductions": [None, "pca4"],
}
# What asks for the rules that the quickstart lacks: of searches, prompts, others' lists, vectors.
WANTED = (
    f"{FOLDER}/full/near/seed1/metrics.test.json",  # of FEWEST, to be compared
    f"{FOLDER}/full/best/seed1/metrics.test.json",
    f"{FOLDER}/full/theirs/seed1/metrics.test.json",
    "results/tables/prompts.tiny.temporal.csv",
    "results/tables/choices.near.csv",
    "results/tables/searches.csv",
    "results/tables/similarities.tiny.temporal.csv",
    "results/figures/search_values.near.png",
    "results/figures/similarities.tiny.temporal.png",
)
# One job of each environment, and what it needs.
FEWEST = (
    f"{FOLDER}/full/asked/seed1/prompts/training.jsonl",  # llm
    f"{FOLDER}/full/near/seed1/metrics.test.json",  # data, models, evaluation
    "results/figures/search_values.near.png",  # search, figures
)


def project(folder: Path) -> Path:
    """A copy of the project with the tiny dataset, someone's lists and own.yaml."""
    copy_project(folder)
    raw = folder / "raw"
    raw.mkdir()
    (raw / "rows.csv").write_text("\n".join(tiny_rows()) + "\n")
    lists = [f"user {session},hub,1" for session in range(40)]
    (folder / "theirs.csv").write_text("\n".join(["session_id,item_id,rank", *lists]) + "\n")
    content = tiny_content(Path("raw"))
    content["datasets"]["tiny"]["splits"]["temporal"]["folds"] = 2
    content |= {
        "embeddings": {"minilm": {}},
        "reductions": {"pca4": {"method": "pca", "dimensions": 4}},
        "language_models": {"small": SMALL},
        "runs": RUNS,
        "similarities": [SIMILARITIES],
        "searches": {"near": {"run": "near", "dataset": "tiny", "split": "temporal", "trials": 4}},
    }
    content["experiments"][0]["runs"] = list(RUNS)
    (folder / "own.yaml").write_text(yaml.safe_dump(content))
    return folder
