"""Semantic affinity of sessions: how alike the texts of a session's items are (study, Figure 12).

The study gives no formula. Here it is the mean cosine similarity over all pairs of a session's
items. Chance level: the same sessions with the items of all of them permuted, which keeps lengths
and popularity.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from llmseqrec.sessions import Sessions

SESSIONS_AT_ONCE = 8192  # whose sums of vectors are in memory


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
    known = (lengths[:, 0] > 0).astype(np.float64)
    parts = [_affinity(unit, known, part) for part in sessions.batches(SESSIONS_AT_ONCE)]
    return np.concatenate(parts) if parts else np.zeros(0)


def permuted(sessions: Sessions, rng: np.random.Generator) -> Sessions:
    """The sessions with the items of all of them in random order."""
    items = rng.permutation(sessions.items)
    return Sessions(sessions.offsets, items, sessions.session_ids)


def _affinity(
    unit: NDArray[np.float32], known: NDArray[np.float64], sessions: Sessions
) -> NDArray[np.float64]:
    """Of n unit vectors with sum s, the n (n - 1) ordered pairs have |s|² - n as sum of cosines."""
    ones = np.ones(len(sessions.items), dtype=np.float32)
    rows = (ones, sessions.items, sessions.offsets)
    matrix = csr_array(rows, shape=(len(sessions), len(unit)))
    sums = np.asarray(matrix @ unit, dtype=np.float64)  # (n_sessions, dim)
    n = np.asarray(matrix @ known, dtype=np.float64)
    pairs = n * (n - 1)
    found = np.full(len(n), np.nan)
    np.divide((sums**2).sum(axis=1) - n, pairs, out=found, where=pairs > 0)
    return found
