"""Exact top-k of score rows, and of all items by dot product.

Equal scores are ranked by item id, lowest first; -inf marks items that are never listed.

How it is both exact and fast: a row is cut into blocks. At least k scores of the row reach the
k-th largest block maximum, so only blocks whose maximum reaches it can hold one of the k best.
Those are few, unless very many scores are equal; such rows are sorted whole.

Memory is bounded: sessions are taken by chunks, and so are the items of a large catalogue, of which
the k best so far are kept (`rank_dot`). A score is the same whatever it is multiplied beside.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from llmseqrec.evaluation.products import (
    MIN_PRODUCT_ROWS,
    FloatArray,
    at_least,
    blas_threads,
    single_threaded_product,
)

IntArray = NDArray[np.int32]
LongArray = NDArray[np.int64]
KeyArray = NDArray[np.uint64]
Seen = tuple[LongArray, IntArray]

BLOCK_ITEMS = 8
BLOCKS_PER_GROUP = 8
WHOLE_ROWS_AT_ONCE = 32
MAX_CHUNK_ROWS = 256  # a longer chunk hardly speeds up the product and leaves the caches
MAX_BLOCK_COLUMNS = 1 << 16  # items multiplied at once
LINE_ITEMS = 128  # rows of the buffer start on a cache line and divide into whole blocks

SIGN = np.uint32(1 << 31)
NOTHING = np.uint64(0xFF800000_FFFFFFFF)  # the key of item -1 with score -inf


def top_k(scores: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
    """The k best items of each row.

    Args:
        scores: (n_rows, n_items) without NaN; -inf where an item must not be listed.
        k: list length, also beyond n_items.

    Returns:
        Items (n_rows, k), best first, padded with -1, and their scores, padded with -inf.

    Raises:
        ValueError: a score is NaN.
    """
    scores = np.ascontiguousarray(scores, dtype=np.float32)
    keys = np.full((len(scores), k), NOTHING)
    if not keys.size or not scores.size:
        return keys_to_lists(keys)
    maxima = _block_maxima(scores, BLOCK_ITEMS)  # (n_rows, n_blocks)
    bound = _lower_bound(maxima, k)  # (n_rows,)
    rows, blocks = np.divmod(np.flatnonzero(maxima >= bound[:, None]), maxima.shape[1])
    crowded = np.bincount(rows, minlength=len(scores)) > 2 * k + BLOCK_ITEMS
    if crowded.any():
        few = ~crowded[rows]
        rows, blocks = rows[few], blocks[few]
    candidates = _candidate_keys(scores, bound, rows, blocks)
    keys[:, : candidates.shape[1]] = _smallest(candidates, k)
    for some in _portions(np.flatnonzero(crowded)):
        whole = item_keys(scores[some], np.arange(scores.shape[1], dtype=np.uint64))
        keys[some, : whole.shape[1]] = _smallest(whole, k)
    return keys_to_lists(keys)


def rank_dot(
    queries: FloatArray,
    table: FloatArray,
    seen: Seen | None,
    k: int,
    budget_bytes: int = 256 * 2**20,
) -> tuple[IntArray, FloatArray]:
    """The k items with the largest dot product for each query.

    The product is computed chunk by chunk into reused buffers, one for each thread of the BLAS
    library in use. The list of a query does not depend on the other queries, to the last bit, and
    items of equal vectors get equal scores.

    Args:
        queries: (n_queries, dim).
        table: (n_items, dim), one row an item.
        seen: items ruled out, as compressed rows: offsets (n_queries + 1,) and item ids.
        k: list length.
        budget_bytes: bound on the memory for scores, on top of a copy of the table; room for
            `MIN_PRODUCT_ROWS` rows a thread, of `MAX_BLOCK_COLUMNS` items, is always taken.

    Returns:
        Items and scores (n_queries, k), as from `top_k`.
    """
    n_threads = blas_threads()
    blocks = list(_slices(len(table), MAX_BLOCK_COLUMNS))
    width = -(-min(len(table), MAX_BLOCK_COLUMNS) // LINE_ITEMS) * LINE_ITEMS
    # Beside each score of 4 bytes: maxima, masks and indices of blocks.
    affordable = budget_bytes // (n_threads * max(width, 1) * 8)
    chunk = min(max(affordable, MIN_PRODUCT_ROWS), MAX_CHUNK_ROWS)
    buffers: SimpleQueue[FloatArray] = SimpleQueue()
    for _ in range(n_threads):
        buffers.put(np.full((chunk, width), -np.inf, dtype=np.float32))

    def rank_chunk(rows: slice) -> tuple[IntArray, FloatArray]:
        buffer = buffers.get()
        part = at_least(queries[rows], MIN_PRODUCT_ROWS)
        keys = np.full((rows.stop - rows.start, k), NOTHING)
        for columns in blocks:
            product = buffer[: len(part), : columns.stop - columns.start]
            multiply(part, columns, product)
            # The tail of a narrower last block holds scores of the one before.
            buffer[:, product.shape[1] :] = -np.inf
            scores = buffer[: len(keys)]
            _rule_out(scores, seen, rows, columns)
            keys = _better(keys, *top_k(scores, k), columns.start)
        buffers.put(buffer)
        return keys_to_lists(keys)

    chunks = list(_slices(len(queries), chunk))
    items = np.empty((len(queries), k), dtype=np.int32)
    best = np.empty((len(queries), k), dtype=np.float32)
    with (
        single_threaded_product(table) as multiply,
        ThreadPoolExecutor(n_threads) as pool,
    ):
        for rows, found in zip(chunks, pool.map(rank_chunk, chunks), strict=True):
            items[rows], best[rows] = found
    return items, best


def _block_maxima(values: FloatArray, size: int) -> FloatArray:
    """(n_rows, n_blocks) maxima; block i holds the columns i, i + n_blocks, i + 2 n_blocks, ..."""
    n_columns = values.shape[1]
    n_blocks = -(-n_columns // size)
    layers, rest = divmod(n_columns, n_blocks)
    whole = values[:, : layers * n_blocks].reshape(len(values), layers, n_blocks)
    maxima: FloatArray = whole.max(axis=1)
    np.maximum(maxima[:, :rest], values[:, n_columns - rest :], out=maxima[:, :rest])
    return maxima


def _lower_bound(maxima: FloatArray, k: int) -> FloatArray:
    """(n_rows,) a finite score that at least k of a row reach, or the lowest there is."""
    coarse = _block_maxima(maxima, BLOCKS_PER_GROUP)
    if np.isnan(coarse).any():
        raise ValueError("scores hold NaN")
    if coarse.shape[1] < 2 * k:
        coarse = maxima
    lowest = np.finfo(np.float32).min
    if coarse.shape[1] < k:
        return np.full(len(maxima), lowest, dtype=np.float32)
    kth = coarse.shape[1] - k
    return np.maximum(np.partition(coarse, kth, axis=1)[:, kth], lowest)


def _candidate_keys(
    scores: FloatArray, bound: FloatArray, rows: LongArray, blocks: LongArray
) -> KeyArray:
    """(n_rows, most) keys of the scores in the given blocks that reach the bound of their row."""
    n_items = scores.shape[1]
    n_blocks = -(-n_items // BLOCK_ITEMS)
    layers = -(-n_items // n_blocks)
    columns = blocks + n_blocks * np.arange(layers)[:, None]  # (layers, n_found)
    values = scores.ravel().take(columns + rows * n_items, mode="clip")
    reach = (values >= bound[rows]) & (columns < n_items)
    found, layer = np.divmod(np.flatnonzero(reach.T), layers)  # rows ascend
    row = rows[found]
    counts = np.bincount(row, minlength=len(scores))
    place = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    keys = np.full((len(scores), counts.max()), NOTHING)
    keys[row, place] = item_keys(values[layer, found], columns[layer, found].astype(np.uint64))
    return keys


def item_keys(scores: FloatArray, items: KeyArray) -> KeyArray:
    """Numbers that ascend as the score descends and, between equal scores, as the id ascends."""
    bits = (scores + np.float32(0)).view(np.uint32)  # adding 0 makes -0 and 0 the same
    descending = np.where(bits & SIGN, bits, ~(bits | SIGN)).astype(np.uint64)
    keys: KeyArray = descending << np.uint64(32) | items
    return np.where(scores == -np.inf, NOTHING, keys)


def keys_to_lists(keys: KeyArray) -> tuple[IntArray, FloatArray]:
    """Items and scores of keys."""
    bits = (keys >> np.uint64(32)).astype(np.uint32)
    scores = np.where(bits & SIGN, bits, ~bits & ~SIGN).view(np.float32)
    return keys.astype(np.uint32).view(np.int32), scores


def _smallest(keys: KeyArray, k: int) -> KeyArray:
    """(n_rows, at most k) the smallest keys, ascending; works in place."""
    if keys.shape[1] > 8 * k:
        keys.partition(k - 1, axis=1)
        keys = keys[:, :k]
    keys.sort(axis=1)
    return keys[:, :k]


def _portions(rows: LongArray) -> Iterator[LongArray]:
    for start in range(0, len(rows), WHOLE_ROWS_AT_ONCE):
        yield rows[start : start + WHOLE_ROWS_AT_ONCE]


def _slices(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def _better(keys: KeyArray, items: IntArray, scores: FloatArray, first: int) -> KeyArray:
    """(n_rows, k) the smallest of the keys so far and those of a block's best items."""
    found = item_keys(scores, (items.astype(np.int64) + first).astype(np.uint64))
    return _smallest(np.hstack([keys, found]), keys.shape[1])


def _rule_out(scores: FloatArray, seen: Seen | None, rows: slice, columns: slice) -> None:
    """Set the seen items of a chunk of queries to -inf in the scores of a block, in place."""
    if seen is None:
        return
    offsets = seen[0][rows.start : rows.stop + 1]
    row = np.repeat(np.arange(len(scores)), np.diff(offsets))
    items = seen[1][offsets[0] : offsets[-1]]
    here = (items >= columns.start) & (items < columns.stop)
    scores[row[here], items[here] - columns.start] = -np.inf
