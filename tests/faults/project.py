"""The project that is disturbed: small enough that all of it is done within a minute or two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.conftest import tiny_content, tiny_rows
from tests.doubles.openai_models import BASE
from tests.workflow.copies import copy_project

CONFIGURED = ("--configfile", "config/own.yaml")
TABLE = "results/tables/leaderboard.tiny.temporal.csv"
REPORT = "results/report"
CHOICES = "results/tables/choices.near.csv"
TARGETS = (TABLE, REPORT, CHOICES, "results/tiny/temporal/comparison.parquet")

SMALL = {"dim": 16, "layers": 1, "heads": 2, "key_heads": 2, "inner": 32, "vocabulary": 300}
TRAINED = {"context": 128, "epochs": 6, "learning_rate": 0.01, "warmup_steps": 2}
ASKED = {"style": "items", "samples": 2, "k": 2, "cases": {"validation": 4}}
NETWORK = {"dim": 8, "layers": 1, "heads": 1, "batch_size": 8, "max_epochs": 6, "patience": 6}


def content(raw: Path, url: str) -> dict[str, Any]:
    """The configuration: a run of every kind, two services, one search.

    Args:
        raw: folder of the raw files.
        url: of the services' double.
    """
    made = tiny_content(raw)
    made["datasets"]["tiny"]["allow_upload"] = ["openai"]
    made["datasets"]["tiny"]["splits"]["temporal"]["folds"] = 2
    made |= {
        "embeddings": {"small": {"provider": "openai", "base_url": f"{url}/v1"}},
        "reductions": {"pca": {"method": "pca", "dimensions": 4}},
        "language_models": {
            "own": {"provider": "small", "batch_tokens": 512, **SMALL, **TRAINED},
            "gpt": {"provider": "openai", "model": BASE, "base_url": f"{url}/v1"},
        },
        "max_usd": 1.0,
        "services": {"job_poll": 0.05, "batch_poll": 0.05, "concurrency": 2},
        "device": "cpu",
        "searches": {
            "near": {
                "run": "near",
                "dataset": "tiny",
                "split": "temporal",
                "trials": 3,
                "random_trials": 3,
            }
        },
        "comparisons": [["sim", "most_popular"]],
    }
    made["runs"] = _runs(made["runs"]["most_popular"])
    made["experiments"][0]["runs"] = [name for name in made["runs"] if name != "near"]
    return made


def _runs(popular: dict[str, Any]) -> dict[str, Any]:
    sampled = ASKED | {"sampling": {"temperature": 1, "max_tokens": 16}}
    vectors = {"embedding": "small", "reduction": "pca"}
    tuned = {"params_from": "tuned", "search": "near"}
    prompted = {"model": "gen_item", "embedding": "small"}
    return {
        "most_popular": popular,
        "near": {"display": "Near", "model": "cooccurrence"},
        "best": {"display": "Best", "model": "cooccurrence", **tuned},
        "sim": {"display": "Sim", "model": "llm_seq_sim", **vectors},
        "net": {"display": "Net", "model": "sasrec", "parameters": NETWORK},
        "held": {
            "display": "Held",
            **prompted,
            "language_model": "own",
            "parameters": ASKED | {"decoding": "constrained"},
        },
        "bought": {
            "display": "Bought",
            **prompted,
            "language_model": "gpt",
            "parameters": sampled | {"style": "chat"},
        },
    }


def make_project(root: Path, url: str) -> Path:
    """A copy of the project with this configuration in `config/own.yaml`."""
    folder = copy_project(root / "project")
    raw = root / "raw"
    raw.mkdir()
    (raw / "rows.csv").write_text("\n".join(tiny_rows()) + "\n")
    (folder / "config" / "own.yaml").write_text(yaml.safe_dump(content(raw, url)))
    return folder
