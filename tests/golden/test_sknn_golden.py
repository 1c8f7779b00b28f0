"""SKNN, V-, S-, SF-SKNN and SKNNEmb against outputs of the reference implementation."""

import json
from pathlib import Path

import numpy as np
import pytest

from llmseqrec.models.base import Catalogue
from llmseqrec.models.parameters import SKNNEmbParameters, SKNNParameters
from llmseqrec.models.sknn import SKNN
from llmseqrec.models.sknn_emb import SKNNEmb
from llmseqrec.sessions import Sessions, from_rows

GOLDEN = json.loads((Path(__file__).parent / "data" / "sknn_golden.json").read_text())
FIRST_ITEM, N_ITEMS = 101, 20
UNKNOWN = {998: 18, 999: 19}
OUR_NAMES = {
    "similarity_measure": "similarity",
    "filter_prompt_items": "exclude_seen",
    "prompt_session_emb_comb_strategy": "pooling",
    "training_session_emb_comb_strategy": "training_pooling",
    "training_session_decay": "training_decay",
}
VARIANTS = {variant["name"]: variant for variant in GOLDEN["variants"]}


def dense_id(source: int) -> int:
    return UNKNOWN.get(source, source - FIRST_ITEM)


def sessions_of(lists: list[list[int]], timed: bool = False) -> Sessions:
    rows = np.repeat(np.arange(len(lists)), [len(items) for items in lists])
    items = np.array([dense_id(item) for items in lists for item in items])
    return from_rows(rows, items, rows.astype(np.int64) if timed else None)


TRAIN = sessions_of(
    [session["items"] for session in GOLDEN["training_sessions_in_chronological_order"]], True
)
PROMPTS = sessions_of(list(GOLDEN["prompts"].values()))


def item_vectors() -> np.ndarray:
    """(N_ITEMS, 4) in double precision, as the expected values are; zero for unknown items."""
    vectors = np.zeros((N_ITEMS, 4))
    for item, vector in GOLDEN["item_embeddings"].items():
        vectors[dense_id(int(item))] = vector
    return vectors


def fitted(config: dict[str, object]) -> SKNN:
    names = {OUR_NAMES.get(name, name): value for name, value in config.items()}
    model: SKNN
    if names.pop("use_item_embeddings", False):
        parameters = SKNNEmbParameters(**names, prompt_decay_for_training=True)
        model = SKNNEmb(parameters, Catalogue(N_ITEMS, item_vectors()))
    else:
        model = SKNN(SKNNParameters(**names), Catalogue(N_ITEMS))
    model.fit(TRAIN)
    return model


def test_all_variants_are_there() -> None:
    with_vectors = [name for name in VARIANTS if name.startswith("SKNNEmb")]
    assert (len(VARIANTS), len(with_vectors)) == (17, 7)


@pytest.mark.parametrize("name", VARIANTS)
def test_scores_equal_the_reference(name: str) -> None:
    variant = VARIANTS[name]
    scores = fitted(variant["config"]).score_batch(PROMPTS)
    for row, (prompt, expected) in zip(scores, variant["results"].items(), strict=True):
        if expected.get("neighbour_cut_is_tied"):
            continue  # which of the tied sessions is a neighbour is arbitrary in the reference
        found = {item: row[item] for item in np.flatnonzero(np.isfinite(row))}
        wanted = dict(zip(map(dense_id, expected["items"]), expected["scores"], strict=True))
        assert found == pytest.approx(wanted, abs=1e-9), prompt


@pytest.mark.parametrize("name", VARIANTS)
def test_lists_equal_the_reference_up_to_ties(name: str) -> None:
    variant = VARIANTS[name]
    items, scores = fitted(variant["config"]).recommend(PROMPTS, k=N_ITEMS)
    rows = zip(items, scores, variant["results"].values(), strict=True)
    for listed, row_scores, expected in rows:
        if expected.get("neighbour_cut_is_tied"):
            continue
        length = len(expected["items"])
        assert (listed[length:] == -1).all()
        np.testing.assert_allclose(row_scores[:length], expected["scores"], rtol=1e-6)
        reached = dict(zip(map(dense_id, expected["items"]), expected["scores"], strict=True))
        by_rank = [reached[item] for item in listed[:length]]
        np.testing.assert_allclose(by_rank, expected["scores"], atol=1e-9)


def test_a_tied_neighbour_cut_takes_the_most_recent_sessions() -> None:
    """p1 of this variant: sessions 7 and 77 tie for the third place; 77 ended later."""
    variant = VARIANTS["SKNN_cosine_k3_recent5"]
    row = fitted(variant["config"]).score_batch(PROMPTS)[0]
    by_session = dict(variant["results"]["p1"]["candidate_neighbours_with_similarity"])
    assert row[dense_id(111)] == pytest.approx(by_session[77], abs=1e-9)
    assert row[dense_id(108)] == pytest.approx(by_session[33], abs=1e-9)


def test_idf_equals_the_reference() -> None:
    variant = VARIANTS["SKNN_cosine_idf"]
    idf = fitted(variant["config"]).idf
    for item, value in variant["idf"].items():
        assert idf[dense_id(int(item))] == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("name", [name for name in VARIANTS if name.startswith("SKNNEmb")])
def test_session_vectors_equal_the_reference(name: str) -> None:
    variant = VARIANTS[name]
    model = fitted(variant["config"])
    assert isinstance(model, SKNNEmb)
    places = {TRAIN.session_ids[place]: row for row, place in enumerate(model.order)}
    for number, session in enumerate(GOLDEN["training_sessions_in_chronological_order"]):
        expected = np.array(variant["training_session_embeddings"][str(session["session"])])
        if model.parameters.similarity == "cosine":
            expected /= np.linalg.norm(expected)
        np.testing.assert_allclose(model.session_vectors[places[number]], expected, atol=1e-12)


def test_the_quirk_of_the_training_decay_is_off_by_default() -> None:
    config = VARIANTS["SKNNEmb_linear_prompt_harmonic_training"]["config"]
    names = {OUR_NAMES.get(name, name): value for name, value in config.items()}
    del names["use_item_embeddings"]
    model = SKNNEmb(SKNNEmbParameters(**names), Catalogue(N_ITEMS, item_vectors()))
    model.fit(TRAIN)
    asked, quirk = model.score_batch(PROMPTS), fitted(config).score_batch(PROMPTS)
    listed = np.isfinite(quirk)
    assert np.abs(asked[listed] - quirk[listed]).max() > 0.01
