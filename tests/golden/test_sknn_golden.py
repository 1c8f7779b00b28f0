"""SKNN, V-, S- and SF-SKNN against outputs of the reference implementation."""

import json
from pathlib import Path

import numpy as np
import pytest

from llmseqrec.models.base import Catalogue
from llmseqrec.models.parameters import SKNNParameters
from llmseqrec.models.sknn import SKNN
from llmseqrec.sessions import Sessions, from_rows

GOLDEN = json.loads((Path(__file__).parent / "data" / "sknn_golden.json").read_text())
FIRST_ITEM, N_ITEMS = 101, 20
UNKNOWN = {998: 18, 999: 19}
OUR_NAMES = {"similarity_measure": "similarity", "filter_prompt_items": "exclude_seen"}
VARIANTS = {
    variant["name"]: variant
    for variant in GOLDEN["variants"]
    if not variant["config"].get("use_item_embeddings")
}


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


def fitted(config: dict[str, object]) -> SKNN:
    names = {OUR_NAMES.get(name, name): value for name, value in config.items()}
    model = SKNN(SKNNParameters(**names), Catalogue(N_ITEMS))
    model.fit(TRAIN)
    return model


def test_the_ten_variants_without_item_vectors_are_there() -> None:
    assert len(VARIANTS) == 10


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
