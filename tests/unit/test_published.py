"""Published optima of the neural models: number by number those of the study's online material."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from llmseqrec.config import Reduction
from llmseqrec.registry import parameters_class
from llmseqrec.resolve import read_published
from tests.conftest import ROOT

DATASETS = {"beauty": "Beauty", "steam": "Steam", "delivery_hero": "Delivery Hero"}
MODELS = {
    "sasrec": ("SASRec", "sasrec"),
    "bert4rec": ("BERT4Rec", "bert4rec"),
    "gru4rec": ("GRU4Rec", "gru4rec"),
    "llm2sasrec": ("LLM2SASRec", "sasrec"),
    "llm2bert4rec": ("LLM2BERT4Rec", "bert4rec"),
    "llm2gru4rec": ("LLM2GRU4Rec", "gru4rec"),
}
NAMES = {
    "emb_dim": "dim",
    "hidden_dim": "hidden",
    "L": "layers",
    "h": "heads",
    "drop_rate": "dropout",
    "mask_prob": "mask_prob",
    "learning_rate": "learning_rate",
    "weight_decay": "weight_decay",
    "clipnorm": "clipnorm",
    "fit_batch_size": "batch_size",
}
METHODS = {"PCA": "pca", "LDA": "lda", "RANDOM": "random_projection"}
PROTOCOL = {
    "fidelity": "reference",
    "loss": "cross_entropy",
    "max_length": 20,
    "max_epochs": 100,
    "patience": 2,
}
each_entry = pytest.mark.parametrize("run", MODELS)
each_dataset = pytest.mark.parametrize("dataset", DATASETS)


@pytest.fixture(scope="module")
def optima() -> dict[str, Any]:
    """The optima of the online material, as transcribed."""
    folder = Path(os.environ.get("LLMSEQREC_REFERENCE", ROOT.parent / "shared" / "reference"))
    path = folder / "hyperparameters.json"
    if not path.is_file():
        pytest.skip(f"no {path}; set LLMSEQREC_REFERENCE")
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))["optimal"]
    return found


def entry_of(dataset: str, run: str) -> dict[str, Any]:
    found: dict[str, Any] = read_published(ROOT / "config" / "published", dataset)["runs"][run]
    return found


def resolved(source: dict[str, str], model: str) -> dict[str, Any]:
    """The online material's values under our names; what it leaves out is absent."""
    named = {NAMES[key]: value for key, value in source.items() if key in NAMES}
    numbers = {name: float(value) for name, value in named.items() if value not in ("-", "None")}
    dropout = {"dropout": 0.2} if model == "gru4rec" else {}  # the code's default
    return {"clipnorm": None, **numbers, **dropout}


@each_entry
@each_dataset
def test_every_number_is_the_published_one(dataset: str, run: str, optima: dict[str, Any]) -> None:
    name, model = MODELS[run]
    source, entry = optima[DATASETS[dataset]][name], entry_of(dataset, run)
    assert entry["parameters"] == PROTOCOL | resolved(source, model)
    method = source.get("red_method")
    assert entry.get("reduction", {}).get("method") == METHODS.get(method)


@each_entry
@each_dataset
def test_entries_are_parameters_of_their_models(dataset: str, run: str) -> None:
    entry = entry_of(dataset, run)
    assert (entry["table_row"], entry["model"]) == MODELS[run]
    parameters = parameters_class(entry["model"])(**entry["parameters"])
    assert parameters.model_dump().items() >= entry["parameters"].items()


@each_entry
@each_dataset
def test_text_vectors_are_reduced_and_not_normalised(dataset: str, run: str) -> None:
    """Their width is the model's, so an entry states none."""
    reduction = entry_of(dataset, run).get("reduction")
    assert (reduction is not None) == run.startswith("llm2")
    if reduction is not None:
        assert set(reduction) == {"method", "normalise"}
        assert not Reduction(**reduction).normalise


@each_dataset
def test_sknn_emb_has_the_published_numbers(dataset: str, optima: dict[str, Any]) -> None:
    source, entry = optima[DATASETS[dataset]]["SKNNEmb"], entry_of(dataset, "sknn_emb")
    parameters = parameters_class("sknn_emb")(**entry["parameters"]).model_dump()
    assert (entry["table_row"], entry["model"]) == ("SKNNEmb", "sknn_emb")
    expected = {
        "k": int(source["k"]),
        "sample_size": int(source["sample_size"]),
        "sampling": source["sampling"],
        "similarity": source["similarity_measure"],
        "decay": source["decay"],
        "idf_weighting": source["idf_weighting"] == "True",
        "sequential_weighting": source["sequential_weighting"] == "True",
        "training_decay": {"None": None}.get(*[source["training_session_decay"]] * 2),
        "pooling": source["prompt_session_emb_comb_strategy"],
        "training_pooling": source["training_session_emb_comb_strategy"],
    }
    assert {name: parameters[name] for name in expected} == expected
