"""Exact top-k, whatever the ties, and the full-catalogue product."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from llmseqrec.evaluation.products import COPIED_ROWS, single_threaded_product
from llmseqrec.evaluation.ranking import (
    MAX_BLOCK_COLUMNS,
    MAX_CHUNK_ROWS,
    rank_dot,
    top_k,
)


def by_stable_sort(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    items = np.full((len(scores), k), -1, dtype=np.int32)
    best = np.full((len(scores), k), -np.inf, dtype=np.float32)
    best[:, : order.shape[1]] = np.take_along_axis(scores, order, axis=1)
    items[:, : order.shape[1]] = order
    items[best == -np.inf] = -1
    return items, best


def assert_same(scores: np.ndarray, k: int) -> None:
    items, best = top_k(scores, k)
    expected_items, expected_best = by_stable_sort(scores, k)
    np.testing.assert_array_equal(items, expected_items)
    np.testing.assert_array_equal(best, expected_best)
    assert items.dtype == np.int32
    assert best.dtype == np.float32


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(0, 9), st.integers(0, 900)),
    k=st.integers(0, 60),
    n_values=st.sampled_from([1, 2, 5, 50, 10**6]),
    ruled_out=st.sampled_from([0.0, 0.1, 0.9, 0.99, 1.0]),
)
@settings(max_examples=300, deadline=None)
def test_equals_a_stable_sort(
    seed: int, shape: tuple[int, int], k: int, n_values: int, ruled_out: float
) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(-n_values // 2, n_values, shape).astype(np.float32)
    if seed % 2:
        scores = np.sort(scores, axis=1)
    scores[rng.random(shape) < ruled_out] = -np.inf
    assert_same(scores, k)


@given(
    values=st.lists(
        st.lists(
            st.floats(width=32, allow_nan=False) | st.sampled_from([0.0, -0.0, np.inf, -np.inf]),
            min_size=40,
            max_size=40,
        ),
        min_size=1,
        max_size=4,
    ),
    k=st.integers(1, 6),
)
@settings(max_examples=200, deadline=None)
def test_equals_a_stable_sort_on_any_float(values: list[list[float]], k: int) -> None:
    assert_same(np.array(values, dtype=np.float32), k)


def test_rows_full_of_ties_beside_ordinary_rows() -> None:
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((100, 5000), dtype=np.float32)
    scores[::3] = 0.0
    scores[1::3, :4990] = -1.0
    assert_same(scores, 20)


def test_views_are_accepted() -> None:
    row = np.arange(50, dtype=np.float32)
    items, _ = top_k(np.broadcast_to(row, (3, 50)), 2)
    assert items.tolist() == [[49, 48]] * 3
    items, _ = top_k(np.tile(row, (3, 2)).T, 1)
    assert items.ravel().tolist() == [0] * 100


def test_nan_is_refused() -> None:
    scores = np.zeros((2, 30), dtype=np.float32)
    scores[1, 17] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        top_k(scores, 3)


def whole_numbers(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Vectors whose products are exact, so that ties are ties for any order of summation."""
    return rng.integers(-2, 3, shape).astype(np.float32)


@pytest.mark.parametrize("budget_bytes", [1, 10**6, 10**9])
@pytest.mark.parametrize("threads", [1, 2])
def test_rank_dot_equals_the_full_product(budget_bytes: int, threads: int) -> None:
    rng = np.random.default_rng(1)
    queries, table = whole_numbers(rng, 700, 5), whole_numbers(rng, 333, 5)
    lengths = rng.integers(0, 40, 700)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    seen = rng.integers(0, 333, offsets[-1]).astype(np.int32)
    scores = queries @ table.T
    scores[np.repeat(np.arange(700), lengths), seen] = -np.inf
    with threadpool_limits(threads):
        items, best = rank_dot(queries, table, (offsets, seen), 10, budget_bytes)
    expected_items, expected_best = by_stable_sort(scores, 10)
    np.testing.assert_array_equal(items, expected_items)
    np.testing.assert_array_equal(best, expected_best)


def test_rank_dot_without_a_filter() -> None:
    rng = np.random.default_rng(2)
    queries, table = whole_numbers(rng, 5, 3), whole_numbers(rng, 4, 3)
    items, _ = rank_dot(queries, table, None, 6)
    np.testing.assert_array_equal(items, by_stable_sort(queries @ table.T, 6)[0])


def test_rank_dot_repeats_itself_bit_by_bit() -> None:
    rng = np.random.default_rng(3)
    queries = rng.standard_normal((2000, 16), dtype=np.float32)
    table = rng.standard_normal((1500, 16), dtype=np.float32)
    first, second = (rank_dot(queries, table, None, 20) for _ in range(2))
    assert first[0].tobytes() == second[0].tobytes()
    assert first[1].tobytes() == second[1].tobytes()


def test_both_libraries_give_the_same_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    queries, table = whole_numbers(rng, 500, 130), whole_numbers(rng, 333, 130)
    by_numpy = rank_dot(queries, table, None, 10)
    threads = torch.get_num_threads()
    monkeypatch.setattr("llmseqrec.evaluation.products.TORCH_FROM_SIZE", 1)
    by_torch = rank_dot(queries, table, None, 10)
    np.testing.assert_array_equal(by_numpy[0], by_torch[0])
    np.testing.assert_array_equal(by_numpy[1], by_torch[1])
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(("n_items", "dim"), [(5003, 384), (6007, 384), (5003, 64), (333, 16)])
@pytest.mark.parametrize("budget_bytes", [1, 2**28])
def test_a_list_is_the_same_alone_and_among_others(
    n_items: int, dim: int, budget_bytes: int
) -> None:
    """Whichever library multiplies, and also where equal items abound."""
    rng = np.random.default_rng(5)
    queries = rng.standard_normal((300, dim), dtype=np.float32)
    table = rng.standard_normal((n_items, dim), dtype=np.float32)
    equal = np.sort(rng.permutation(n_items)[: n_items // 5])
    table[equal] = queries[7] * 2  # the nearest items of one query
    items, scores = rank_dot(queries, table, None, 30, budget_bytes)
    for part in (slice(7, 8), slice(0, 1), slice(290, 300), slice(5, 35), slice(43, 300)):
        some, best = rank_dot(queries[part], table, None, 30, budget_bytes)
        np.testing.assert_array_equal(some, items[part])
        np.testing.assert_array_equal(best, scores[part])
    np.testing.assert_array_equal(items[7], equal[:30])
    assert len(set(scores[7])) == 1


@pytest.mark.parametrize(("n_items", "dim"), [(6007, 384), (5003, 64), (333, 16)])
@pytest.mark.parametrize("columns", [128, 1024])
def test_blocks_of_items_change_nothing(
    monkeypatch: pytest.MonkeyPatch, n_items: int, dim: int, columns: int
) -> None:
    """Not a bit, also where equal items stand in different blocks."""
    rng = np.random.default_rng(6)
    queries = rng.standard_normal((300, dim), dtype=np.float32)
    table = rng.standard_normal((n_items, dim), dtype=np.float32)
    table[rng.permutation(n_items)[: n_items // 5]] = queries[7] * 2
    offsets = np.append(np.arange(300) * 40, 300 * 40)
    seen = (offsets, rng.integers(0, n_items, offsets[-1]).astype(np.int32))
    seen[1][:40] = np.arange(40)
    whole = rank_dot(queries, table, seen, 30)
    monkeypatch.setattr("llmseqrec.evaluation.ranking.MAX_BLOCK_COLUMNS", columns)
    by_blocks = rank_dot(queries, table, seen, 30)
    assert by_blocks[0].tobytes() == whole[0].tobytes()
    assert by_blocks[1].tobytes() == whole[1].tobytes()


@pytest.mark.parametrize("n_items", [1, COPIED_ROWS, 3 * COPIED_ROWS + 7])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_table_copied_by_slices_of_items_is_whole(n_items: int, order: Literal["C", "F"]) -> None:
    rng = np.random.default_rng(7)
    queries = rng.standard_normal((20, 5), dtype=np.float32)
    table = rng.standard_normal((n_items, 5), dtype=np.float32)
    out = np.empty((20, n_items), dtype=np.float32)
    with single_threaded_product(np.asarray(table, order=order)) as multiply:
        multiply(queries, slice(0, n_items), out)
    assert out.tobytes() == (queries @ np.ascontiguousarray(table.T)).tobytes()


def test_no_buffer_is_as_wide_as_a_large_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, ...]] = []

    def watched(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        shapes.append(scores.shape)
        return top_k(scores, k)

    monkeypatch.setattr("llmseqrec.evaluation.ranking.top_k", watched)
    n_items = 3 * MAX_BLOCK_COLUMNS + 5
    queries, table = np.ones((300, 1), dtype=np.float32), np.ones((n_items, 1), dtype=np.float32)
    items, _ = rank_dot(queries, table, None, 4)
    assert max(shapes) == (MAX_CHUNK_ROWS, MAX_BLOCK_COLUMNS)
    np.testing.assert_array_equal(items, np.tile(np.arange(4), (300, 1)))
