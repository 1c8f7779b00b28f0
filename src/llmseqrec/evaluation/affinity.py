"""Semantic affinity of sessions: how alike the texts of a session's items are (study, Figure 12).

The study gives no formula. Here it is the mean cosine similarity over all pairs of a session's
items. Chance level: the same sessions with the items of all of them permuted, which keeps lengths
and popularity.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llmseqrec.sessions import Sessions

ROWS_AT_ONCE = 4096  # sessions, so that their vectors fit into memory


def session_affinity(vectors: NDArray[np.float32], sessions: Sessions) -> NDArray[np.float64]:
    """(n,) mean cosine over all pairs of items of each session.

    Items with a zero vector (empty texts) do not count; a session with fewer than two others is
    NaN. An item that occurs twice is a pair of cosine 1.

    Args:
        vectors: (n_items, dim) unreduced item vectors.
        sessions: complete sessions.
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros(vectors.shape, np.float32), where=lengths > 0)
    parts = [_affinity(unit, part) for part in sessions.batches(ROWS_AT_ONCE)]
    return np.concatenate(parts) if parts else np.zeros(0)


def permuted(sessions: Sessions, rng: np.random.Generator) -> Sessions:
    """The sessions with the items of all of them in random order."""
    items = rng.permutation(sessions.items)
    return Sessions(sessions.offsets, items, sessions.session_ids)


def _affinity(unit: NDArray[np.float32], sessions: Sessions) -> NDArray[np.float64]:
    """Of n unit vectors with sum s, the n (n - 1) ordered pairs have |s|² - n as sum of cosines."""
    entries = unit[sessions.items]  # (nnz, dim)
    counted = entries.any(axis=1).astype(np.float64)
    filled = sessions.lengths > 0
    starts = sessions.offsets[:-1][filled]
    found = np.full(len(sessions), np.nan)
    if not len(starts):
        return found
    sums = np.add.reduceat(entries, starts, axis=0, dtype=np.float64)
    n = np.add.reduceat(counted, starts)
    pairs = n * (n - 1)
    found[filled] = np.divide(
        (sums**2).sum(axis=1) - n, pairs, out=np.full(len(n), np.nan), where=pairs > 0
    )
    return found
