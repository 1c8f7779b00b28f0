"""The six metrics of the study, vectorised over sessions (Boz et al. 2024, §7.1.2 and its code).

Names are the column names of the published tables: ndcg, hr, mrr, catcov, seren, novel. A list is
cut at k first and cleaned of repeats afterwards (the first one is kept, nothing moves up from
beyond k), so every cut-off is a prefix of one cleaned list.

Deviation from the reference: its popular set of serendipity breaks ties by the order of a
dictionary; here the lowest item id wins unless an explicit order is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from llmseqrec.errors import InputError

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.integer[Any]]

PER_SESSION_METRICS = ("ndcg", "hr", "mrr", "seren", "novel")
METRICS = ("ndcg", "hr", "mrr", "catcov", "seren", "novel")


@dataclass(frozen=True)
class ItemCounts:
    """How often each item occurs in the complete data, training and test.

    Attributes:
        counts: (n_items,) rows of each item; items without a row are never popular.
        popularity_order: item ids, most popular first, to settle ties otherwise than by item id.
    """

    counts: NDArray[np.int64]
    popularity_order: IntArray | None = None

    @classmethod
    def from_items(cls, items: IntArray, n_items: int) -> ItemCounts:
        """Count the item ids of all interactions."""
        return cls(np.bincount(items, minlength=n_items).astype(np.int64))

    def popular(self, k: int) -> BoolArray:
        """(n_items + 1,) marks the k most popular items; the last entry is for unknown ids."""
        marks = np.zeros(len(self.counts) + 1, dtype=bool)
        marks[self._order[:k]] = True
        return marks

    @cached_property
    def information(self) -> FloatArray:
        """(n_items + 1,) -log2 of each item's share of the rows, in bits; 0 without a count."""
        bits = np.zeros(len(self.counts) + 1)
        counted = np.flatnonzero(self.counts)
        bits[counted] = -np.log2(self.counts[counted] / self.counts.sum())
        return bits

    @cached_property
    def _order(self) -> IntArray:
        if self.popularity_order is not None:
            return self.popularity_order
        order = np.argsort(-self.counts, kind="stable")
        return order[: np.count_nonzero(self.counts)]


@dataclass(frozen=True)
class Evaluation:
    """Metrics of one run.

    Attributes:
        per_session: "ndcg@10" and so on to (n,) values, in the order of the sessions given;
            catalog coverage has none.
        aggregate: the same names, and "catcov@10", to the mean over sessions.
    """

    per_session: dict[str, FloatArray]
    aggregate: dict[str, float]


@dataclass(frozen=True)
class _Lists:
    """Cleaned lists and their hits, one row a list position so that sums run along sessions."""

    items: IntArray  # (k, n)
    kept: BoolArray  # (k, n), false for padding and repeats
    hits: BoolArray  # (k, n)
    ranks: IntArray  # (k, n), 1-based rank in the cleaned list
    slots: IntArray  # (k, n), item id, or n_items for unknown ids and padding
    n_targets: IntArray  # (n,)
    target_slots: IntArray  # (g, n)


def evaluate(
    lists: IntArray,
    targets: IntArray,
    counts: ItemCounts,
    cutoffs: Sequence[int],
    n_items: int | None = None,
) -> Evaluation:
    """Score recommendation lists.

    Args:
        lists: (n, k) item ids, best first; -1 stands for nothing, wherever it is. Ids beyond the
            catalogue are unknown items: they keep their place and count for coverage.
        targets: (n,) the item that came next, or (n, g) several, padded with -1.
        counts: of the complete data; ids beyond it are allowed and have no count.
        cutoffs: list lengths to score, such as (10, 20).
        n_items: size of the catalogue for catalog coverage. The reference's rule without it:
            the number of distinct items in the cut lists and the targets.

    Raises:
        InputError: no session, lists and targets of different lengths, or a cut-off below 1.
    """
    _check(lists, targets, cutoffs)
    clean = _clean(lists, targets, len(counts.counts))
    per_session: dict[str, FloatArray] = {}
    coverage: dict[str, float] = {}
    for k in cutoffs:
        per_session |= {f"{name}@{k}": v for name, v in _accuracy(clean, k).items()}
        per_session[f"seren@{k}"] = _serendipity(clean, counts.popular(k), k)
        per_session[f"novel@{k}"] = _novelty(clean, counts.information, k)
        coverage[f"catcov@{k}"] = _catalog_coverage(clean, targets, n_items, k)
    means = {name: float(values.mean()) for name, values in per_session.items()} | coverage
    names = [f"{metric}@{k}" for k in cutoffs for metric in METRICS]
    return Evaluation(per_session, {name: means[name] for name in names})


def align_lists(
    sessions: IntArray,
    list_sessions: IntArray,
    lists: IntArray,
    missing: Literal["miss", "drop"] = "miss",
) -> tuple[NDArray[np.int64], IntArray]:
    """Put lists into the order of the sessions to evaluate.

    Args:
        sessions: (n,) ids of the sessions with a target.
        list_sessions: (m,) id of each list, without repeats; unknown ones are ignored.
        lists: (m, k) item ids padded with -1.
        missing: a session without a list gets an empty one and counts as a miss ("miss"), or
            leaves numerator and denominator ("drop", the rule of the reference).

    Returns:
        Rows of `sessions` that are evaluated (r,) and their lists (r, k).

    Raises:
        InputError: a session has two lists.
    """
    order = np.argsort(list_sessions, kind="stable")
    known = list_sessions[order]
    if np.any(known[1:] == known[:-1]):
        twice = known[1:][known[1:] == known[:-1]][0]
        raise InputError(f"session {twice} has more than one recommendation list; keep one")
    found = np.isin(sessions, known)
    rows = np.flatnonzero(found) if missing == "drop" else np.arange(len(sessions))
    aligned = np.full((len(sessions), lists.shape[1]), -1, dtype=lists.dtype)
    aligned[found] = lists[order[np.searchsorted(known, sessions[found])]]
    return rows, aligned[rows]


def _check(lists: IntArray, targets: IntArray, cutoffs: Sequence[int]) -> None:
    if not cutoffs or min(cutoffs) < 1:
        raise InputError(f"cut-offs {list(cutoffs)}: give at least one, each 1 or more")
    if len(lists) != len(targets):
        raise InputError(f"{len(lists)} lists but {len(targets)} targets; align them first")
    if not len(lists):
        raise InputError("no session to evaluate; the lists and the targets share none")


def _clean(lists: IntArray, targets: IntArray, n_known: int) -> _Lists:
    items = np.ascontiguousarray(lists.T)  # (k, n)
    truths = np.ascontiguousarray(np.atleast_2d(targets.T))  # (g, n)
    kept, is_target = _first_ones(items), _first_ones(truths)
    hits = np.zeros(items.shape, dtype=bool)
    for truth in np.where(is_target, truths, -1):
        hits |= items == truth
    hits &= kept
    return _Lists(
        items=items,
        kept=kept,
        hits=hits,
        ranks=np.cumsum(kept, axis=0, dtype=np.int32),
        slots=_slots(items, kept, n_known),
        n_targets=np.count_nonzero(is_target, axis=0),
        target_slots=_slots(truths, is_target, n_known),
    )


def _first_ones(items: IntArray) -> BoolArray:
    """(k, n) true where an item id stands for the first time in its column."""
    first = items >= 0
    for row in range(1, len(items)):
        first[row] &= (items[:row] != items[row]).all(axis=0)
    return first


def _slots(items: IntArray, wanted: BoolArray, n_known: int) -> IntArray:
    return np.where(wanted & (items < n_known), items, n_known)


def _accuracy(clean: _Lists, k: int) -> dict[str, FloatArray]:
    hits = clean.hits[:k]
    n_hits = np.count_nonzero(hits, axis=0)
    # Few entries are hits, so the sums run over those alone.
    rank_of_hit, session_of_hit = clean.ranks[:k][hits], np.nonzero(hits)[1]
    n = hits.shape[1]
    gain = np.bincount(session_of_hit, 1 / np.log2(rank_of_hit + 1), minlength=n)
    reciprocal = np.bincount(session_of_hit, 1 / rank_of_hit, minlength=n)
    best = np.cumsum(np.append(0, 1 / np.log2(np.arange(k) + 2)))
    return {
        "ndcg": _ratio(gain, best[np.minimum(clean.n_targets, k)]),
        "hr": (n_hits > 0).astype(np.float64),
        "mrr": _ratio(reciprocal, n_hits),
    }


def _serendipity(clean: _Lists, popular: BoolArray, k: int) -> FloatArray:
    hits = clean.hits[:k]
    surprising = ~popular[clean.slots[:k][hits]]
    n_surprising = np.bincount(
        np.nonzero(hits)[1], surprising.astype(np.float64), minlength=hits.shape[1]
    )
    n_popular = np.count_nonzero(popular[clean.target_slots], axis=0)
    possible = np.minimum(clean.n_targets - n_popular, _lengths(clean, k))
    return _ratio(n_surprising, possible)


def _novelty(clean: _Lists, information: FloatArray, k: int) -> FloatArray:
    return _ratio(information[clean.slots[:k]].sum(axis=0), _lengths(clean, k))


def _catalog_coverage(clean: _Lists, targets: IntArray, n_items: int | None, k: int) -> float:
    listed = _distinct(clean.items[:k])
    if n_items is None:
        n_items = len(_distinct(np.append(listed, targets)))
    return len(listed) / n_items if n_items else 0.0


def _distinct(items: IntArray) -> IntArray:
    found: IntArray = np.unique(items)
    return found[found >= 0]


def _lengths(clean: _Lists, k: int) -> IntArray:
    """(n,) number of items in each list cut at k and cleaned."""
    if not len(clean.ranks):
        return np.zeros(clean.ranks.shape[1], dtype=np.int32)
    lengths: IntArray = clean.ranks[min(k, len(clean.ranks)) - 1]
    return lengths


def _ratio(numerator: IntArray | FloatArray, denominator: IntArray | FloatArray) -> FloatArray:
    """Quotient, 0 where the denominator is 0."""
    zeros = np.zeros(len(numerator))
    return np.divide(numerator, denominator, out=zeros, where=denominator > 0)
