"""LLMSeqSim: pooling, similarities, exclusion and ties on vectors whose answers are known."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseqrec.errors import InputError
from llmseqrec.models.base import Catalogue
from llmseqrec.models.parameters import LLMSeqSimParameters
from llmseqrec.models.similarity import LLMSeqSim
from llmseqrec.sessions import Sessions

SIMILARITIES = ("cosine", "dot", "euclidean")
# Two groups of items, around the first and the second axis; lengths differ.
VECTORS = np.array([[1, 0.1], [2, 0.1], [0.5, 0], [0.1, 1], [0, 2], [0, 0]], dtype=np.float32)


def sessions_of(*lists: list[int]) -> Sessions:
    offsets = np.cumsum([0, *map(len, lists)]).astype(np.int64)
    items = np.array([item for items in lists for item in items], dtype=np.int32)
    return Sessions(offsets, items, np.arange(len(lists), dtype=np.int32))


def model_of(vectors: np.ndarray = VECTORS, **options: object) -> LLMSeqSim:
    model = LLMSeqSim(LLMSeqSimParameters(**options), Catalogue(len(vectors), vectors))
    model.fit(sessions_of([0, 1]))
    return model


def naive_similarity(query: np.ndarray, vectors: np.ndarray, similarity: str) -> np.ndarray:
    query, vectors = query.astype(np.float64), vectors.astype(np.float64)
    if similarity == "euclidean":
        return 1 / (1 + np.linalg.norm(vectors - query, axis=1))
    if similarity == "dot":
        return vectors @ query
    norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(query)
    return np.divide(vectors @ query, norms, out=np.zeros(len(vectors)), where=norms > 0)


def test_the_group_of_the_session_comes_first() -> None:
    lists, scores = model_of().recommend(sessions_of([0], [4]), 2)
    np.testing.assert_array_equal(lists, [[1, 2], [3, 0]])
    assert (np.diff(scores) <= 0).all()


def test_measures_differ_on_vectors_of_different_lengths() -> None:
    best = {
        name: model_of(similarity=name).recommend(sessions_of([2]), 1)[0][0, 0]
        for name in SIMILARITIES
    }
    assert best == {"cosine": 1, "dot": 1, "euclidean": 5}


def test_decay_turns_to_the_latest_item() -> None:
    session = sessions_of([0, 0, 0, 4])
    plain = model_of().recommend(session, 1)[0]
    decayed = model_of(decay="harmonic_squared").recommend(session, 1)[0]
    last = model_of(pooling="last").recommend(session, 1)[0]
    assert (plain[0, 0], decayed[0, 0], last[0, 0]) == (1, 3, 3)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), decay=st.sampled_from([None, "harmonic", "log"]))
def test_lists_equal_a_full_sort(similarity: str, seed: int, decay: str | None) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(30, 4)).astype(np.float32)
    lists = [rng.integers(30, size=size).tolist() for size in (1, 4, 9)]
    model = model_of(vectors, similarity=similarity, decay=decay)
    prompts = sessions_of(*lists)
    found, scores = model.recommend(prompts, 6)
    whole = model.score_batch(prompts)
    for row, (items, query) in enumerate(zip(lists, model.session_vectors(prompts), strict=True)):
        expected = naive_similarity(query, vectors, similarity)
        expected[items] = -np.inf
        best = np.argsort(-expected, kind="stable")[:6]
        # Neighbours that differ by less than single precision may trade places.
        np.testing.assert_allclose(expected[found[row]], expected[best], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(scores[row], expected[best], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(whole[row], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_unit_vectors_rank_alike_under_every_measure(similarity: str) -> None:
    vectors = np.random.default_rng(1).normal(size=(50, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    prompts = sessions_of([1, 2, 3], [7])
    lists, _ = model_of(vectors, similarity=similarity).recommend(prompts, 10)
    np.testing.assert_array_equal(lists, model_of(vectors).recommend(prompts, 10)[0])


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_equal_items_are_ranked_by_id(similarity: str) -> None:
    vectors = np.tile(np.float32([[0.3, 0.7], [0.7, -0.3]]), (20, 1))
    model = model_of(vectors, similarity=similarity)
    lists, _ = model.recommend(sessions_of([0, 4]), 5)
    np.testing.assert_array_equal(lists, [[2, 6, 8, 10, 12]])


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_an_empty_prompt_gets_the_first_items(pooling: str) -> None:
    lists, scores = model_of(pooling=pooling).recommend(sessions_of([], [0], []), 3)
    np.testing.assert_array_equal(lists[[0, 2]], [[0, 1, 2], [0, 1, 2]])
    assert not scores[[0, 2]].any()


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_prompt_items_are_excluded_unless_wanted(similarity: str) -> None:
    session = sessions_of([4, 3])
    lists, scores = model_of(similarity=similarity).recommend(session, 6)
    assert not {3, 4} & set(lists[0])
    np.testing.assert_array_equal(lists[0, 4:], [-1, -1])
    assert (scores[0, 4:] == -np.inf).all()
    wanted, _ = model_of(similarity=similarity, exclude_seen=False).recommend(session, 6)
    assert set(wanted[0]) == set(range(6))


def test_distance_zero_is_similarity_one() -> None:
    vectors = np.random.default_rng(0).normal(size=(40, 384)).astype(np.float32)
    model = model_of(vectors, similarity="euclidean", exclude_seen=False)
    lists, scores = model.recommend(sessions_of([17]), 1)
    assert (lists[0, 0], scores[0, 0]) == (17, 1)


@pytest.mark.parametrize(
    ("order", "expected"), [("newest_first", "c | a"), ("oldest_first", "a | c")]
)
def test_text_pooling_encodes_the_joined_names(order: str, expected: str) -> None:
    asked: list[str] = []

    def encode(texts: list[str]) -> np.ndarray:
        asked.extend(texts)
        return np.float32([[0, 1]] * len(texts))

    catalogue = Catalogue(3, VECTORS[:3], ["a", "", "c"], encode)
    options = LLMSeqSimParameters(pooling="text", text_separator=" | ", text_order=order)
    model = LLMSeqSim(options, catalogue)
    model.fit(sessions_of([0]))
    model.recommend(sessions_of([0, 1, 2], []), 1)
    assert asked == [expected, ""]


def test_missing_vectors_or_encoder_are_named() -> None:
    with pytest.raises(InputError, match="embedding"):
        LLMSeqSim(LLMSeqSimParameters(), Catalogue(3)).fit(sessions_of([0]))
    with pytest.raises(InputError, match="pooling text"):
        model_of(pooling="text")


def test_saved_and_loaded(tmp_path: Path) -> None:
    prompts = sessions_of([0, 3], [4])
    model = model_of(decay="harmonic")
    model.save(tmp_path)
    other = LLMSeqSim(model.parameters, model.catalogue)
    other.load(tmp_path)
    for ours, theirs in zip(model.recommend(prompts, 3), other.recommend(prompts, 3), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_vectors_of_some_prompts_are_held_and_lists_are_those_of_all(
    similarity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((60, 12)).astype(np.float32)
    prompts = sessions_of(*rng.integers(0, 60, (50, 4)).tolist())
    model = model_of(vectors, similarity=similarity)
    whole = model.recommend(prompts, 5)
    held: list[int] = []
    pool = LLMSeqSim.session_vectors

    def watched(self: LLMSeqSim, some: Sessions) -> np.ndarray:
        held.append(len(some))
        return pool(self, some)

    monkeypatch.setattr(LLMSeqSim, "session_vectors", watched)
    monkeypatch.setattr("llmseqrec.models.similarity.PROMPTS_AT_ONCE", 16)
    parts = model.recommend(prompts, 5)
    assert held == [16, 16, 16, 2]
    assert parts[0].tobytes() == whole[0].tobytes()
    assert parts[1].tobytes() == whole[1].tobytes()
