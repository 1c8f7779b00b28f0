"""Gains of targets without lists are those of the lists, to the last bit, ties included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from llmseqrec.evaluation import gains
from llmseqrec.evaluation.gains import dot_gains, listed_gains, target_gains
from llmseqrec.evaluation.products import dot_scores
from llmseqrec.evaluation.ranking import top_k
from llmseqrec.models.base import Catalogue, exclude
from llmseqrec.models.parameters import LLMSeqSimParameters
from llmseqrec.models.similarity import LLMSeqSim
from llmseqrec.sessions import Prompts, Sessions

K = 4


def by_lists(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The slow way: the place of each target in its list."""
    items, _ = top_k(scores.astype(np.float32), K)
    hits, places = np.nonzero(items == targets[:, None])
    found = np.zeros(len(targets))
    found[hits] = 1 / np.log2(places + 2)
    return found


@dataclass(frozen=True)
class Drawn:
    """Item vectors, some of them alike, and prompts."""

    vectors: np.ndarray
    prompts: Prompts


def drawn(seed: int, n_items: int, n_prompts: int, n_kinds: int) -> Drawn:
    rng = np.random.default_rng(seed)
    kinds = rng.standard_normal((n_kinds, 24)).astype(np.float32)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 5, n_prompts))])
    items = rng.integers(0, n_items, offsets[-1], dtype=np.int32)
    sessions = Sessions(offsets, items, np.arange(n_prompts, dtype=np.int32))
    targets = rng.integers(0, n_items, n_prompts, dtype=np.int32)
    return Drawn(kinds[rng.integers(0, n_kinds, n_items)], Prompts(sessions, targets))


shapes = st.tuples(
    st.integers(0, 2**32 - 1),
    st.integers(1, 150),
    st.integers(1, 40),
    st.sampled_from([1, 3, 30, 1000]),
)


@given(shape=shapes)
def test_gains_of_scores_are_those_of_lists(shape: tuple[int, int, int, int]) -> None:
    made = drawn(*shape)
    rng = np.random.default_rng(shape[0])
    scores = rng.integers(0, shape[3], (shape[2], shape[1])).astype(np.float64)
    scores[rng.random(scores.shape) < 0.2] = -np.inf
    found = target_gains(scores, made.prompts.targets, K)
    np.testing.assert_array_equal(found, by_lists(scores, made.prompts.targets))
    rows, items = np.nonzero(np.isfinite(scores))
    listed = sparse.csr_array((scores[rows, items], (rows, items)), shape=scores.shape)
    np.testing.assert_array_equal(listed_gains(listed, made.prompts.targets, K), found)


@pytest.mark.parametrize("block_items", [1, 16, 40])
@given(shape=shapes, excluded=st.booleans())
@settings(max_examples=40)
def test_gains_of_products_in_blocks_are_those_of_whole_scores(
    block_items: int, shape: tuple[int, int, int, int], excluded: bool
) -> None:
    made = drawn(*shape)
    sessions, targets = made.prompts.sessions, made.prompts.targets
    queries = np.random.default_rng(shape[0]).standard_normal((3, shape[2], 24), dtype=np.float32)
    queries[1] = queries[0]
    queries[2, ::2] = made.vectors[targets[::2]]  # targets that stand in front
    expected = np.empty((3, shape[2]))
    for option, each in enumerate(queries):
        scores = dot_scores(each, made.vectors)
        if excluded:
            exclude(scores, sessions)
        expected[option] = by_lists(scores, targets)
    seen = (sessions.offsets, sessions.items) if excluded else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gains, "BLOCK_ITEMS", max(block_items, 8))
        patch.setattr(gains, "BLOCK_QUERIES", 7)
        found = dot_gains(queries, made.vectors, targets, seen, K)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
@given(shape=shapes)
@settings(max_examples=15)
def test_gains_of_options_are_those_of_each_alone(
    similarity: str, shape: tuple[int, int, int, int]
) -> None:
    made = drawn(*shape)
    catalogue = Catalogue(len(made.vectors), made.vectors)
    shared = {"similarity": similarity}
    options = [
        LLMSeqSimParameters.model_validate(shared | each)
        for each in ({"decay": None}, {"decay": "harmonic"}, {"pooling": "last"})
    ]
    found = LLMSeqSim(options[0], catalogue).option_gains(made.prompts, options, K)
    for each, option in zip(found, options, strict=True):
        alone = LLMSeqSim(option, catalogue)
        if similarity == "euclidean":  # its list is by exact distances, the product's bits differ
            np.testing.assert_array_equal(each, alone.option_gains(made.prompts, [option], K)[0])
            continue
        items, _ = alone.recommend(made.prompts.sessions, K)
        hits, places = np.nonzero(items == made.prompts.targets[:, None])
        expected = np.zeros(len(each))
        expected[hits] = 1 / np.log2(places + 2)
        np.testing.assert_array_equal(each, expected)
