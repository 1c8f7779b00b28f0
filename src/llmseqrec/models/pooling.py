"""One vector a session: weighted means of item vectors (study, Table 1)."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from llmseqrec.models.parameters import SimilarityDecay
from llmseqrec.sessions import Sessions

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
Floats = TypeVar("Floats", FloatArray, DoubleArray)
_FLOOR = 1e-5  # linear decays never reach zero (study code)


def _scaling_linear(age: DoubleArray, length: DoubleArray) -> DoubleArray:
    return np.maximum(_FLOOR, 1 - (age - 1) / length)


# Weights by age (1 = most recent item) and session length. Where the paper's text and the study's
# code differ (log; "per step" of the scaling ones), these are the code's, which made its numbers.
_DECAYS: dict[SimilarityDecay, Callable[[DoubleArray, DoubleArray], DoubleArray]] = {
    "constant_linear": lambda age, length: np.maximum(_FLOOR, 1 - 0.1 * (age - 1)),
    "scaling_linear": _scaling_linear,
    "scaling_quadratic": lambda age, length: _scaling_linear(age, length) ** 2,
    "scaling_cubic": lambda age, length: _scaling_linear(age, length) ** 3,
    "log": lambda age, length: 1 / (np.log(age) + 1),
    "harmonic": lambda age, length: 1 / age,
    "harmonic_squared": lambda age, length: 1 / age**2,
}


def unit_rows(vectors: Floats) -> Floats:
    """Rows of length one, in the precision given; zero rows stay zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    return unit


def decay_weights(sessions: Sessions, decay: SimilarityDecay | None) -> DoubleArray:
    """(nnz,) weight of every item of every session; all 1 without a decay."""
    ages = sessions.ages.astype(np.float64)
    if decay is None:
        return np.ones_like(ages)
    lengths = np.repeat(sessions.lengths, sessions.lengths).astype(np.float64)
    return _DECAYS[decay](ages, lengths)


def mean_vectors(
    sessions: Sessions, vectors: FloatArray, decay: SimilarityDecay | None
) -> FloatArray:
    """Weighted mean of the item vectors of each session, (n_sessions, dim).

    Repeated items count as often as they occur. An empty session gives a zero vector.

    Args:
        sessions: items index the rows of `vectors`.
        vectors: (n_items, dim).
        decay: how weights fall with age.
    """
    return weighted_means(sessions, vectors, decay_weights(sessions, decay))


def weighted_means(sessions: Sessions, vectors: FloatArray, weights: DoubleArray) -> FloatArray:
    """Mean of the item vectors of each session by given weights, (n_sessions, dim).

    Args:
        sessions: items index the rows of `vectors`.
        vectors: (n_items, dim).
        weights: (nnz,) positive, one for every item of every session.
    """
    totals = np.bincount(sessions.rows, weights, minlength=len(sessions))
    shares = (weights / totals[sessions.rows]).astype(vectors.dtype)
    shape = (len(sessions), len(vectors))
    pooling = sparse.csr_array((shares, sessions.items, sessions.offsets), shape=shape)
    pooled: FloatArray = pooling @ vectors
    return pooled


def last_vectors(sessions: Sessions, vectors: FloatArray) -> FloatArray:
    """Vector of the last item of each session, (n_sessions, dim); zero for an empty one."""
    last = sessions.last_items
    return np.where(last[:, None] >= 0, vectors[last], 0).astype(vectors.dtype)
