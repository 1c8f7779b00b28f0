"""Lists of sparse scores, and how much is held at once to make them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from llmseqrec.evaluation.ranking import top_k
from llmseqrec.evaluation.sparse_ranking import top_k_listed
from llmseqrec.models.base import SCORES_AT_ONCE, Catalogue
from llmseqrec.models.cooccurrence import Cooccurrence
from llmseqrec.models.listed import portions
from llmseqrec.models.parameters import (
    CooccurrenceParameters,
    MostPopularParameters,
    SKNNParameters,
)
from llmseqrec.models.popularity import MostPopular
from llmseqrec.models.sknn import SKNN
from llmseqrec.sessions import Sessions


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 6), st.integers(1, 600)),
    k=st.integers(0, 25),
    share=st.sampled_from([0.0, 0.1, 0.6, 1.0]),
)
@settings(max_examples=200, deadline=None)
def test_lists_are_those_of_all_scores(
    seed: int, shape: tuple[int, int], k: int, share: float
) -> None:
    """Equal scores, negative ones and -inf included, however the entries of a row are ordered."""
    rng = np.random.default_rng(seed)
    stored = rng.random(shape) < share
    scores = np.where(stored, rng.integers(-3, 4, shape).astype(float), -np.inf)
    scores[stored & (rng.random(shape) < 0.1)] = -np.inf
    rows, items = np.nonzero(stored)
    order = np.lexsort((rng.random(len(rows)), rows))
    offsets = np.concatenate([[0], np.cumsum(stored.sum(axis=1))])
    entries = (scores[rows, items][order], items[order], offsets)
    found = top_k_listed(sparse.csr_array(entries, shape=shape), k)
    expected = top_k(scores.astype(np.float32), k)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        top_k_listed(sparse.csr_array(np.array([[1.0, np.nan]])), 1)


@given(
    sizes=st.lists(st.integers(0, 50), max_size=40),
    most=st.integers(1, 9),
    places=st.integers(1, 120),
)
def test_portions_cover_all_and_stay_within_bounds(
    sizes: list[int], most: int, places: int
) -> None:
    found = list(portions(np.array(sizes, dtype=int), most, places))
    assert [n for some in found for n in range(some.start, some.stop)] == list(range(len(sizes)))
    for some in found:
        count = some.stop - some.start
        assert count <= most
        assert count == 1 or count * max(sizes[some]) <= places


def random_sessions(count: int, n_items: int) -> Sessions:
    rng = np.random.default_rng(1)
    offsets = np.arange(count + 1) * 6
    items = (n_items * rng.random(6 * count) ** 3).astype(np.int32)
    return Sessions(offsets, items, np.arange(count, dtype=np.int32), np.arange(6 * count))


MODELS: list[tuple[Any, Any]] = [
    (SKNN, SKNNParameters()),
    (SKNN, SKNNParameters(sequential_filter=True, sampling="idf_greedy", sample_size=5)),
    (SKNN, SKNNParameters(last_n_items=2, exclude_seen=False)),
    (Cooccurrence, CooccurrenceParameters()),
    (Cooccurrence, CooccurrenceParameters(last_n_items=2, exclude_seen=False)),
    (MostPopular, MostPopularParameters()),
]


@pytest.mark.parametrize(("kind", "parameters"), MODELS)
@pytest.mark.parametrize("places", [1, 300, 1 << 22])
def test_lists_are_those_of_whole_rows_however_few_places_there_are(
    kind: Any, parameters: Any, places: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmseqrec.models.listed.portions.__defaults__", (places,))
    sessions = random_sessions(70, 40)
    recommender = kind(parameters, Catalogue(40))
    recommender.fit(sessions)
    prompts = sessions.last(3)
    items, scores = recommender.recommend(prompts, 7)
    expected = top_k(recommender.score_batch(prompts).astype(np.float32), 7)
    np.testing.assert_array_equal(items, expected[0])
    np.testing.assert_array_equal(scores, expected[1])


@pytest.mark.parametrize(("kind", "parameters"), MODELS[:5])
def test_what_a_prompt_is_said_to_touch_bounds_what_it_has(kind: Any, parameters: Any) -> None:
    sessions = random_sessions(300, 40)
    recommender = kind(parameters, Catalogue(40))
    recommender.fit(sessions)
    if kind is SKNN:
        asked = recommender._asked(sessions)
        pairs = sparse.csr_array(
            (np.ones(len(asked.items)), asked.items, asked.offsets), shape=(300, 40)
        )
        counts = np.diff((pairs @ recommender.by_item).indptr)
    else:
        counts = np.diff(recommender.score_listed(sessions).indptr)
    assert (counts <= recommender.touched(sessions)).all()


@pytest.mark.parametrize("n_items", [1000, 10**6, 10**9])
def test_a_batch_of_whole_rows_has_fewer_prompts_in_a_large_catalogue(n_items: int) -> None:
    size = MostPopular(MostPopularParameters(), Catalogue(n_items)).batch_size
    assert 16 <= size <= 256
    assert size == 16 or size * n_items <= SCORES_AT_ONCE
