"""The six metrics against a plain reading of their definitions, and against ranx."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseqrec.errors import InputError
from llmseqrec.evaluation.metrics import METRICS, ItemCounts, align_lists, evaluate

N_ITEMS = 12


def naive(listed: list[int], targets: list[int], counts: list[int], k: int) -> dict[str, float]:
    """One session, word by word after the definitions (study, §7.1.2, and its code)."""
    clean = list(dict.fromkeys(item for item in listed[:k] if item >= 0))
    truth = {item for item in targets if item >= 0}
    ranks = [rank for rank, item in enumerate(clean, 1) if item in truth]
    ideal = sum(1 / math.log2(j + 1) for j in range(1, min(len(truth), k) + 1))
    counted = [item for item in range(len(counts)) if counts[item]]
    popular = set(sorted(counted, key=lambda item: (-counts[item], item))[:k])
    surprising = truth - popular
    possible = min(len(surprising), len(clean))
    bits = [-math.log2(counts[i] / sum(counts)) for i in clean if i in counted]
    return {
        "ndcg": sum(1 / math.log2(r + 1) for r in ranks) / ideal if ranks else 0,
        "hr": float(bool(ranks)),
        "mrr": sum(1 / r for r in ranks) / len(ranks) if ranks else 0,
        "seren": len(surprising & set(clean)) / possible if possible else 0,
        "novel": sum(bits) / len(clean) if clean else 0,
    }


items = st.integers(-1, N_ITEMS + 2)  # ids beyond the counts and padding anywhere
sessions = st.integers(1, 5).flatmap(
    lambda n: st.tuples(
        st.lists(st.lists(items, min_size=7, max_size=7), min_size=n, max_size=n),
        st.lists(st.lists(items, min_size=3, max_size=3), min_size=n, max_size=n),
    )
)


@given(
    data=sessions,
    counts=st.lists(st.integers(0, 4), min_size=N_ITEMS, max_size=N_ITEMS),
    cutoffs=st.lists(st.integers(1, 9), min_size=1, max_size=3, unique=True),
)
@settings(max_examples=300, deadline=None)
def test_equals_the_definitions(data, counts: list[int], cutoffs: list[int]) -> None:
    lists, targets = data
    result = evaluate(
        np.array(lists), np.array(targets), ItemCounts(np.array(counts)), cutoffs, N_ITEMS
    )
    for k in cutoffs:
        expected = [naive(*pair, counts, k) for pair in zip(lists, targets, strict=True)]
        for name in expected[0]:
            values = [session[name] for session in expected]
            np.testing.assert_allclose(result.per_session[f"{name}@{k}"], values, atol=1e-12)
            assert result.aggregate[f"{name}@{k}"] == pytest.approx(np.mean(values), abs=1e-12)
        union = {item for row in lists for item in row[:k] if item >= 0}
        assert result.aggregate[f"catcov@{k}"] == pytest.approx(len(union) / N_ITEMS)


def test_accuracy_equals_ranx(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its code as it stands: compiling it takes 40 s once and 4 s again, running it no time.
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    ranx = pytest.importorskip("ranx")
    rng = np.random.default_rng(0)
    lists = np.stack([rng.permutation(60)[:20] for _ in range(200)])
    targets = rng.integers(0, 60, 200)
    result = evaluate(lists, targets, ItemCounts(np.ones(60, dtype=np.int64)), [10, 20])
    truth = ranx.Qrels({str(s): {str(t): 1} for s, t in enumerate(targets)})
    run = ranx.Run(
        {str(s): {str(i): 20.0 - r for r, i in enumerate(row)} for s, row in enumerate(lists)}
    )
    names = {"ndcg": "ndcg", "hr": "hit_rate", "mrr": "mrr"}
    theirs = ranx.evaluate(truth, run, [f"{name}@{k}" for name in names.values() for k in (10, 20)])
    for ours, name in names.items():
        for k in (10, 20):
            assert result.aggregate[f"{ours}@{k}"] == pytest.approx(theirs[f"{name}@{k}"])


def test_one_target_a_session_may_be_flat_or_a_column() -> None:
    lists, counts = np.array([[0, 1], [1, 2]]), ItemCounts(np.array([3, 2, 1]))
    flat = evaluate(lists, np.array([1, 0]), counts, [2])
    column = evaluate(lists, np.array([[1], [0]]), counts, [2])
    assert flat.aggregate == column.aggregate


def test_names_are_the_columns_of_the_published_tables() -> None:
    result = evaluate(np.array([[0]]), np.array([0]), ItemCounts(np.array([1])), [10, 20])
    assert list(result.aggregate) == [f"{name}@{k}" for k in (10, 20) for name in METRICS]
    assert "catcov@10" not in result.per_session


def test_ties_of_popularity_go_to_the_lowest_id_unless_an_order_is_given() -> None:
    lists, targets, counts = np.array([[1], [2]]), np.array([1, 2]), np.array([9, 5, 5])
    by_id = evaluate(lists, targets, ItemCounts(counts), [2])
    given_order = evaluate(lists, targets, ItemCounts(counts, np.array([0, 2, 1])), [2])
    assert by_id.per_session["seren@2"].tolist() == [0, 1]
    assert given_order.per_session["seren@2"].tolist() == [1, 0]


def test_counts_are_taken_from_all_interactions() -> None:
    assert ItemCounts.from_items(np.array([2, 0, 2]), 4).counts.tolist() == [1, 0, 2, 0]


def test_missing_sessions_miss_or_are_dropped() -> None:
    wanted, listed = np.array([7, 3, 5]), np.array([5, 9, 7])
    lists = np.array([[50, 51], [90, 91], [70, -1]], dtype=np.int32)
    rows, missed = align_lists(wanted, listed, lists)
    assert rows.tolist() == [0, 1, 2]
    assert missed.tolist() == [[70, -1], [-1, -1], [50, 51]]
    rows, dropped = align_lists(wanted, listed, lists, missing="drop")
    assert rows.tolist() == [0, 2]
    assert dropped.tolist() == [[70, -1], [50, 51]]


def test_no_list_at_all_is_all_misses() -> None:
    empty = np.empty((0, 4), dtype=np.int32)
    rows, lists = align_lists(np.array([1, 2]), np.array([], dtype=np.int32), empty)
    assert rows.tolist() == [0, 1]
    assert (lists == -1).all()


def test_two_lists_for_one_session_are_refused() -> None:
    with pytest.raises(InputError, match="session 4"):
        align_lists(np.array([4]), np.array([4, 4]), np.zeros((2, 3), dtype=np.int32))


@pytest.mark.parametrize(
    ("n_lists", "n_targets", "cutoffs"), [(2, 3, [10]), (0, 0, [10]), (1, 1, []), (1, 1, [0])]
)
def test_bad_input_is_told_in_one_line(n_lists: int, n_targets: int, cutoffs: list[int]) -> None:
    lists, targets = np.zeros((n_lists, 2), dtype=np.int32), np.zeros(n_targets, dtype=np.int32)
    with pytest.raises(InputError):
        evaluate(lists, targets, ItemCounts(np.array([1])), cutoffs)
