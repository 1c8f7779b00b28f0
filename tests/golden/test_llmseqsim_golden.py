"""LLMSeqSim and reductions against the reference implementation's own output."""

import json
from pathlib import Path

import numpy as np
import pytest

from llmseqrec.config import Reduction
from llmseqrec.models.base import Catalogue
from llmseqrec.models.parameters import LLMSeqSimParameters
from llmseqrec.models.pooling import decay_weights, mean_vectors
from llmseqrec.models.similarity import LLMSeqSim
from llmseqrec.reduction.linear import fit_lda, fit_pca
from llmseqrec.sessions import Sessions, from_rows

DATA = Path(__file__).parent / "data"
GOLDEN = json.loads((DATA / "llmseqsim_golden.json").read_text())
DECAYS = json.loads((DATA / "decay_golden.json").read_text())
IDS = GOLDEN["catalog_item_ids_in_row_order"]
VECTORS = np.array([GOLDEN["embeddings"][str(item)] for item in IDS], dtype=np.float32)
REDUCED = GOLDEN["dimension_reduction"]
VARIANTS = {variant["name"]: variant for variant in GOLDEN["variants"]}


def golden_prompts() -> Sessions:
    rows = [
        (int(key), IDS.index(item)) for key, items in GOLDEN["prompts"].items() for item in items
    ]
    keys, items = np.array(rows, dtype=np.int32).T
    return from_rows(keys, items)


def model_of(variant: dict, **overrides: object) -> LLMSeqSim:
    config = variant["config"]
    options = {
        "similarity": config["similarity_measure"],
        "pooling": config["embedding_combination_strategy"],
        "decay": config["combination_decay"],
        "exclude_seen": config.get("filter_prompt_items", True),
    }
    return LLMSeqSim(LLMSeqSimParameters(**(options | overrides)), Catalogue(len(IDS), VECTORS))


@pytest.mark.parametrize("name", VARIANTS)
def test_session_vectors_and_similarities(name: str) -> None:
    results = VARIANTS[name]["results"].values()
    model = model_of(VARIANTS[name], exclude_seen=False)
    vectors = [result["session_embedding"] for result in results]
    similarities = [[result["similarity_by_item"][str(item)] for item in IDS] for result in results]
    np.testing.assert_allclose(model.session_vectors(golden_prompts()), vectors, atol=1e-6)
    np.testing.assert_allclose(
        model.score_batch(golden_prompts()), similarities, rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("name", VARIANTS)
def test_rankings(name: str) -> None:
    """Lists hold the reference's items in its order, up to ties, without the prompt's items."""
    variant = VARIANTS[name]
    prompts = golden_prompts()
    lists, scores = model_of(variant).recommend(prompts, variant["top_k"])
    for row, (key, result) in enumerate(variant["results"].items()):
        seen = set(GOLDEN["prompts"][key])
        if variant["config"].get("filter_prompt_items") is False:
            seen = set()
        expected = [item for item in result["ranking"] if item not in seen]
        got = [IDS[item] for item in lists[row] if item >= 0]
        similarity = result["similarity_by_item"]
        wanted = [similarity[str(item)] for item in expected]
        assert len(got) == len(set(got)) == len(expected)
        assert not seen & set(got)
        np.testing.assert_allclose([similarity[str(item)] for item in got], wanted, atol=1e-9)
        np.testing.assert_allclose(scores[row, : len(got)], wanted, rtol=1e-6, atol=1e-6)


def test_ties_are_ranked_by_item_id() -> None:
    """Prompt 5 has a zero vector: every cosine is 0."""
    lists, _ = model_of(VARIANTS["mean_cosine"]).recommend(golden_prompts(), 10)
    assert [item for item in lists[4] if item >= 0] == sorted(set(range(10)) - {IDS.index(11)})


@pytest.mark.parametrize("decay", DECAYS["llmseqsim_decay_weights"])
def test_decay_weights(decay: str) -> None:
    for length, expected in DECAYS["llmseqsim_decay_weights"][decay].items():
        count = int(length)
        session = from_rows(np.zeros(count, np.int32), np.arange(count, dtype=np.int32))
        weights = decay_weights(session, None if decay == "none" else decay)
        np.testing.assert_allclose(weights, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("decay", DECAYS["weighted_mean_example"]["mean"])
def test_weighted_means(decay: str) -> None:
    example = DECAYS["weighted_mean_example"]
    vectors = np.array(example["item_embeddings_oldest_first"])
    session = from_rows(np.zeros(4, np.int32), np.arange(4, dtype=np.int32))
    mean = mean_vectors(session, vectors, None if decay == "none" else decay)
    np.testing.assert_allclose(mean[0], example["mean"][decay], rtol=1e-12)


def test_pca() -> None:
    golden = REDUCED["pca_3_l2_normalised"]
    raw = fit_pca(VECTORS, Reduction(method="pca", dimensions=3, normalise=False))
    unit = fit_pca(VECTORS, Reduction(method="pca", dimensions=3))
    gram = raw.transform(VECTORS) @ raw.transform(VECTORS).T
    cosines = unit.transform(VECTORS) @ unit.transform(VECTORS).T
    np.testing.assert_allclose(gram, golden["unnormalised_gram_sign_invariant"], atol=2e-6)
    np.testing.assert_allclose(cosines, golden["pairwise_cosine_sign_invariant"], atol=1e-6)


def test_lda() -> None:
    golden = REDUCED["lda_request_3_classes_3"]
    classes = [str(name) for name in golden["classes"]]
    affine = fit_lda(VECTORS, Reduction(method="lda", dimensions=3), classes)
    reduced = affine.transform(VECTORS)
    assert reduced.shape[1] == golden["resulting_dims"]
    np.testing.assert_allclose(
        reduced @ reduced.T, golden["pairwise_cosine_sign_invariant"], atol=1e-6
    )
