"""Hybrids against outputs of the reference's rules, which are cut to four items."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmseqrec.models.base import Catalogue
from llmseqrec.models.combined import Combined, item_popularity
from llmseqrec.models.combined_parameters import (
    EmbeddingEnsembleParameters,
    PopularityHybridParameters,
    SequentialHybridParameters,
)
from llmseqrec.models.hybrids import (
    EmbeddingEnsemble,
    PopularityHybrid,
    SequentialHybrid,
    similarity_quantiles,
)
from llmseqrec.sessions import Sessions
from tests.unit.stand_ins import Given, sessions_of

GOLDEN = json.loads((Path(__file__).parent / "data" / "hybrids_golden.json").read_text())
INPUTS = GOLDEN["inputs"]
TOP, N_ITEMS = 4, 40
EXPECTED = {rule["rule_name"]: rule["lists"] for rule in GOLDEN["expected"]}
THREE = sessions_of([[30], [30], [30]], first_id=1)  # lists are given; the prompts do not matter


def given(name: str, scores: str | None = None) -> Given:
    return Given(N_ITEMS, INPUTS[name], INPUTS[scores] if scores else None)


def item_vectors() -> np.ndarray:
    """(N_ITEMS, 3); only items that have one, 10 to 19, are ever asked for."""
    vectors = np.zeros((N_ITEMS, 3))
    for item, vector in INPUTS["item_embeddings"].items():
        vectors[int(item)] = vector
    return vectors


def lists_of(model: Combined[Any], prompts: Sessions) -> dict[str, list[int]]:
    items, _ = model.recommend(prompts, TOP)
    rows = zip(prompts.session_ids.tolist(), items.tolist(), strict=True)
    return {str(session): [item for item in row if item >= 0] for session, row in rows}


@pytest.mark.parametrize("name", [name for name in EXPECTED if name.startswith("A-B")])
def test_ensembles_equal_the_reference(name: str) -> None:
    rule, value = re.fullmatch(r"A-B-(Rank|Conf)-([\d.]+)", name).groups()  # type: ignore[union-attr]
    tried = {"ranks": [int(value)]} if rule == "Rank" else {"confidences": [value], "ranks": []}
    model = EmbeddingEnsemble(EmbeddingEnsembleParameters(**tried), Catalogue(N_ITEMS))
    first = given("model_1_or_embedding_model", "model_1_scores")
    model.combine([first, given("model_2_or_sequential_model")])
    assert lists_of(model, THREE) == EXPECTED[name]


@pytest.mark.parametrize("name", [name for name in EXPECTED if name.startswith("LSS_x-BERT")])
def test_switching_equals_the_reference(name: str) -> None:
    parameters = SequentialHybridParameters(quantiles=[name.rpartition("-")[2]])
    model = SequentialHybrid(parameters, Catalogue(N_ITEMS))
    model.combine([given("model_1_or_embedding_model"), given("model_2_or_sequential_model")])
    model.fit(sessions_of(list(INPUTS["popularity_sessions_for_Pop_two_models"].values())))
    prompts = sessions_of(list(INPUTS["prompts"].values()), first_id=1)
    assert lists_of(model, prompts) == EXPECTED[name]


@pytest.mark.parametrize("name", [name for name in EXPECTED if name.startswith("LSS_x-None")])
def test_thinning_equals_the_reference(name: str) -> None:
    rule, values = re.fullmatch(r"LSS_x-None-(\w+)-([\d._]+)", name).groups()  # type: ignore[union-attr]
    names = {"Pop": "popularity_quantiles", "Divers": "diversity_quantiles"}
    tried: dict[str, Any] = {key: [] for key in names.values()}
    tried |= {names[n]: [v] for n, v in zip(rule.split("_"), values.split("_"), strict=True)}
    model = PopularityHybrid(
        PopularityHybridParameters(**tried, length=TOP), Catalogue(N_ITEMS, item_vectors())
    )
    model.combine([given("overfetched_recommendations_single_model")])
    model.fit(sessions_of(list(INPUTS["popularity_sessions_single_model"].values())))
    if "Divers" in rule:  # the reference's table has ten items, this catalogue more
        own = INPUTS["off_diagonal_similarity_quantiles"][values.rpartition("_")[2]]
        model.similarities = np.array([own])
    assert lists_of(model, THREE) == EXPECTED[name]


@pytest.mark.parametrize("kind", ["two_models", "single_model"])
def test_popularity_equals_the_reference(kind: str) -> None:
    key = "popularity_sessions_" + ("for_Pop_two_models" if kind == "two_models" else kind)
    shares = item_popularity(sessions_of(list(INPUTS[key].values())), N_ITEMS)
    expected = INPUTS[f"item_popularity_{kind}"]
    assert {str(item): shares[item] for item in np.flatnonzero(~np.isnan(shares))} == expected


def test_quantiles_of_similarities_equal_the_reference() -> None:
    vectors = item_vectors()[10:20]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = INPUTS["off_diagonal_similarity_quantiles"]
    found = similarity_quantiles(unit, [float(quantile) for quantile in expected])
    np.testing.assert_allclose(found, list(expected.values()), atol=1e-12)


def test_no_rule_is_left_out() -> None:
    assert len(EXPECTED) == 16
    assert all(name.startswith(("A-B", "LSS_x-BERT", "LSS_x-None")) for name in EXPECTED)
