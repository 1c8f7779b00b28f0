"""Session neighbours as sparse rows: which training sessions share items with a prompt.

Prompts, training sessions and their pairs are compressed sparse rows, so that a batch of prompts
costs a few matrix products. The entries of a row of pairs stand in order of preference: wherever
values tie, the earliest entry wins.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from llmseqrec.models.parameters import SknnDecay
from llmseqrec.sessions import Sessions

Doubles = NDArray[np.float64]
Mask = NDArray[np.bool_]
Matrix: TypeAlias = "sparse.csr_array[np.float64, tuple[int, int]]"


def decay_weights(decay: SknnDecay | None, ages: NDArray[np.number]) -> Doubles:
    """Weights of prompt items by age, 1 for the most recent one (study code: main/sknn/sknn.py)."""
    age = ages.astype(np.float64)
    if decay is None:
        return np.ones_like(age)
    if decay == "linear":
        return np.maximum(1e-4, 1 - 0.1 * (age - 1))
    if decay == "log":
        return 1 / (np.log(age) + 1)
    return 1 / age if decay == "harmonic" else 1 / age**2


def session_matrix(sessions: Sessions, n_items: int) -> Matrix:
    """Binary (n_sessions, n_items): whether a session holds an item.

    Deviation: the reference sums the rows of a repeated item, so that an item bought twice would
    count twice. Its datasets hold no repeats; here a session is a set of items.
    """
    entries = (np.ones(len(sessions.items)), sessions.items, sessions.offsets)
    matrix = sparse.csr_array(entries, shape=(len(sessions), n_items), copy=True)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def follower_matrix(sessions: Sessions, n_items: int) -> Matrix:
    """(n_items, n_items), filled where the column's item directly followed the row's item."""
    inside = sessions.rows[1:] == sessions.rows[:-1]
    pairs = (sessions.items[:-1][inside], sessions.items[1:][inside])
    counts = sparse.coo_array((np.ones(len(pairs[0])), pairs), shape=(n_items, n_items))
    return counts.tocsr()


def distinct_items(prompts: Sessions, known: Mask) -> Matrix:
    """The known items of each prompt at their first occurrence, in prompt order.

    Args:
        prompts: the sessions to recommend for.
        known: (n_items,) items that occur in training.

    Returns:
        (n_prompts, n_items) holding 1-based positions among the items that are left.
    """
    _, first = np.unique(prompts.rows * len(known) + prompts.items, return_index=True)
    keep = np.zeros(len(prompts.items), dtype=bool)
    keep[first] = True
    keep &= known[prompts.items]
    counts = np.bincount(prompts.rows[keep], minlength=len(prompts))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    positions = np.arange(1.0, offsets[-1] + 1) - np.repeat(offsets[:-1], counts)
    return sparse.csr_array(
        (positions, prompts.items[keep], offsets), shape=(len(prompts), len(known))
    )


def row_numbers(matrix: Matrix) -> NDArray[np.int64]:
    """(nnz,) the row of each stored entry."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def with_data(matrix: Matrix, data: Doubles) -> Matrix:
    """The same places, other values."""
    return sparse.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def restrict(matrix: Matrix, keep: Mask) -> Matrix:
    """The stored entries that `keep` (nnz,) marks."""
    offsets = np.concatenate([[0], np.cumsum(keep)])[matrix.indptr]
    return sparse.csr_array((matrix.data[keep], matrix.indices[keep], offsets), shape=matrix.shape)


def shared_sum(prompts: Matrix, by_item: Matrix) -> Matrix:
    """Sum of the prompt's values over the items it shares with each training session.

    Args:
        prompts: (n_prompts, n_items) values of prompt items.
        by_item: (n_items, n_sessions) binary.

    Returns:
        (n_prompts, n_sessions) with an entry for every session that shares an item,
        in ascending column order.
    """
    # Two transpositions sort the columns in linear time.
    return (prompts @ by_item).tocsc().tocsr()


def shared_max(prompts: Matrix, by_item: Matrix, pairs: Matrix) -> Doubles:
    """Largest of the prompt's values over the items it shares with a training session.

    Args:
        prompts: (n_prompts, n_items) values of prompt items.
        by_item: (n_items, n_sessions) binary.
        pairs: (n_prompts, n_sessions) entries of `shared_sum`, or some of them.

    Returns:
        (nnz,) a value for each entry of `pairs`.
    """
    rows, n_sessions = row_numbers(prompts), by_item.shape[1]
    ascending = np.lexsort((prompts.data, rows))
    sharing = by_item[prompts.indices[ascending]]  # (prompt items, n_sessions)
    counts = np.diff(sharing.indptr)
    largest = np.empty(prompts.shape[0] * n_sessions)
    # Values are written in ascending order, and of repeated places the last write stays.
    places = np.repeat(rows * n_sessions, counts) + sharing.indices
    largest[places] = np.repeat(prompts.data[ascending], counts)
    return largest.take(row_numbers(pairs) * n_sessions + pairs.indices)


def norms(matrix: Matrix) -> Doubles:
    """(n_rows,) Euclidean norm of each row."""
    squares = np.bincount(row_numbers(matrix), matrix.data**2, minlength=matrix.shape[0])
    return np.sqrt(squares)


def keep_best(offsets: NDArray[np.integer], values: Doubles, count: int) -> Mask:
    """(nnz,) the `count` largest values of each row; the earliest of equal ones at the cut."""
    lengths = np.diff(offsets)
    keep = np.ones(len(values), dtype=bool)
    crowded = lengths > count
    if not crowded.any():
        return keep
    lengths = lengths[crowded]
    chosen = np.repeat(crowded, np.diff(offsets))
    filled = np.arange(lengths.max()) < lengths[:, None]
    padded = np.full(filled.shape, -np.inf)
    padded[filled] = values[chosen]
    cut = np.partition(padded, -count, axis=1)[:, [-count]]
    above, level = padded > cut, padded == cut
    room = count - above.sum(axis=1, keepdims=True)
    keep[chosen] = (above | (level & (np.cumsum(level, axis=1) <= room)))[filled]
    return keep


def random_keys(
    seed: int, prompts: NDArray[np.integer], sessions: NDArray[np.integer]
) -> NDArray[np.uint64]:
    """Random 64-bit numbers, one a pair of ids, whatever the batch a pair comes in."""
    return _mix(_mix(prompts.astype(np.uint64) ^ np.uint64(seed)) ^ sessions.astype(np.uint64))


def in_key_order(matrix: Matrix, keys: NDArray[np.uint64]) -> Matrix:
    """The entries of each row in ascending order of `keys` (nnz,)."""
    bits = np.uint64(matrix.shape[0].bit_length())
    packed = row_numbers(matrix).astype(np.uint64) << (np.uint64(64) - bits)
    order = np.argsort(packed | (keys >> bits))
    entries = (matrix.data[order], matrix.indices[order], matrix.indptr)
    return sparse.csr_array(entries, shape=matrix.shape)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One step of SplitMix64 (Steele, Lea & Flood 2014)."""
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
