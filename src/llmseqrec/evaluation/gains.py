"""NDCG of one target straight from scores, without making a list."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from llmseqrec.evaluation.products import FloatArray, dot_scores
from llmseqrec.evaluation.ranking import Seen
from llmseqrec.sessions import IntArray, LongArray

BLOCK_ITEMS = 1024  # fewest items of a block, unless the catalogue has fewer
BLOCK_QUERIES = 1024  # most queries that are multiplied with a block at once


def target_gains(scores: NDArray[Any], targets: IntArray, k: int) -> NDArray[np.float64]:
    """(n_prompts,) what each target brings: 1 / log2(rank + 1) up to rank k, else 0.

    Ranks are those of lists: equal scores, in single precision, go by item id, lowest first, and
    -inf is never listed.

    Args:
        scores: (n_prompts, n_items).
        targets: (n_prompts,) item ids.
        k: cut-off.
    """
    scores = scores.astype(np.float32, copy=False)
    own = scores[np.arange(len(targets)), targets][:, None]
    rank = 1 + np.count_nonzero(scores > own, axis=1)
    near = np.flatnonzero(np.isfinite(own[:, 0]) & (rank <= k))
    before = np.arange(scores.shape[1]) < targets[near, None]
    rank[near] += np.count_nonzero((scores[near] == own[near]) & before, axis=1)
    gains = np.zeros(len(targets))
    gains[near] = _gains(rank[near], k)
    return gains


def listed_gains(
    listed: sparse.csr_array[Any, tuple[int, int]], targets: IntArray, k: int
) -> NDArray[np.float64]:
    """`target_gains` of scores of which those of listed items alone are stored.

    Args:
        listed: (n_prompts, n_items), each place stored once at most.
        targets: (n_prompts,) item ids.
        k: cut-off.
    """
    rows = np.repeat(np.arange(len(targets)), np.diff(listed.indptr))
    items, scores = listed.indices, listed.data.astype(np.float32, copy=False)
    own = np.full(len(targets), -np.inf, dtype=np.float32)
    is_target = items == targets[rows]
    own[rows[is_target]] = scores[is_target]
    before = (scores > own[rows]) | ((scores == own[rows]) & (items < targets[rows]))
    rank = 1 + np.bincount(rows[before], minlength=len(targets))
    return np.where(np.isfinite(own), _gains(rank, k), 0.0)


def dot_gains(
    queries: FloatArray, table: FloatArray, targets: IntArray, seen: Seen | None, k: int
) -> NDArray[np.float64]:
    """What the target of each prompt brings under several queries: gains of their dot products.

    They are those of `target_gains`, to the last bit, for about a quarter of the products: the
    catalogue is cut into blocks, the target's own comes first, and a query that has k better items
    is asked no further. That pays since most targets stand far behind, and since ids are in no
    order, so that a block is a sample.

    Args:
        queries: (n_options, n_prompts, dim).
        table: (n_items, dim), one row an item.
        targets: (n_prompts,) item ids.
        seen: items ruled out, as compressed rows: offsets (n_prompts + 1,) and item ids.
        k: cut-off.

    Returns:
        (n_options, n_prompts).
    """
    n_options, n_prompts, _ = queries.shape
    search = _Ranks(queries.reshape(n_options * n_prompts, -1), np.tile(targets, n_options), seen)
    n_blocks = max(len(table) // BLOCK_ITEMS, 1)
    bounds = np.linspace(0, len(table), n_blocks + 1).astype(np.int64)
    blocks = [(table[start:stop], int(start)) for start, stop in pairwise(bounds)]
    for block, start in blocks:
        search.begin(block, start)
    for block, start in blocks:
        search.go_on(block, start, k)
    listed = np.isfinite(search.own)
    return np.where(listed, _gains(search.rank, k), 0.0).reshape(n_options, n_prompts)


class _Ranks:
    """Ranks of targets so far, (n_queries,); those of -inf have none."""

    def __init__(self, queries: FloatArray, targets: IntArray, seen: Seen | None) -> None:
        self.queries, self.targets, self.seen = queries, targets, seen
        self.own = np.full(len(queries), -np.inf, dtype=np.float32)
        self.rank = np.ones(len(queries), dtype=np.int64)

    def begin(self, block: FloatArray, start: int) -> None:
        """Score the targets of a block, and count what stands before them in it."""
        here = (self.targets >= start) & (self.targets < start + len(block))
        for rows, scores in self._scores(np.flatnonzero(here), block, start):
            places = self.targets[rows] - start
            own = scores[np.arange(len(rows)), places]
            level = scores == own[:, None]
            before = np.arange(len(block)) < places[:, None]
            self.own[rows] = own
            self.rank[rows] += np.count_nonzero(scores > own[:, None], axis=1)
            self.rank[rows] += np.count_nonzero(level & before, axis=1)

    def go_on(self, block: FloatArray, start: int, k: int) -> None:
        """Count what stands before the targets of other blocks, unless k items do already."""
        stop = start + len(block)
        there = (self.targets < start) | (self.targets >= stop)
        asked = np.flatnonzero(there & (self.rank <= k) & np.isfinite(self.own))
        # Of equal scores the lower id stands first: all of this block's, if the target comes later.
        below = np.nextafter(self.own, np.float32(-np.inf))
        bar = np.where(self.targets >= stop, below, self.own)
        for rows, scores in self._scores(asked, block, start):
            self.rank[rows] += np.count_nonzero(scores > bar[rows, None], axis=1)

    def _scores(
        self, rows: LongArray, block: FloatArray, start: int
    ) -> Iterator[tuple[LongArray, FloatArray]]:
        """Scores of some queries with a block, -inf for items that are ruled out."""
        for first in range(0, len(rows), BLOCK_QUERIES):
            some = rows[first : first + BLOCK_QUERIES]
            scores = dot_scores(self.queries[some], block)
            if self.seen is not None:
                places, items = _seen_pairs(self.seen, some)
                inside = (items >= start) & (items < start + len(block))
                scores[places[inside], items[inside] - start] = -np.inf
            yield some, scores


def _seen_pairs(seen: Seen, rows: LongArray) -> tuple[LongArray, IntArray]:
    """Place among the rows, and item, of everything that is ruled out for them."""
    offsets, items = seen
    prompts = rows % (len(offsets) - 1)
    lengths = np.diff(offsets)[prompts]
    places = np.repeat(np.arange(len(rows)), lengths)
    within = np.arange(len(places)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return places, items[offsets[prompts][places] + within]


def _gains(rank: LongArray, k: int) -> NDArray[np.float64]:
    return np.where(rank <= k, 1 / np.log2(rank + 1), 0.0)
