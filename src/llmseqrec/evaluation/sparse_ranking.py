"""Exact top-k of rows of which some items are stored.

As in `ranking`, at least k scores of a row reach the k-th largest maximum of its blocks, so that
few of a long row have to be sorted.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from llmseqrec.evaluation.products import FloatArray
from llmseqrec.evaluation.ranking import NOTHING, IntArray, item_keys, keys_to_lists

BLOCK = 16  # scores


def top_k_listed(
    listed: sparse.csr_array[Any, tuple[int, int]], k: int
) -> tuple[IntArray, FloatArray]:
    """The k best items of each row; those that are not stored are never listed.

    Args:
        listed: (n_rows, n_items) scores without NaN, each place stored once at most.
        k: list length.

    Returns:
        What `ranking.top_k` gives for the same scores with -inf in all other places.

    Raises:
        ValueError: a score is NaN.
    """
    scores = listed.data.astype(np.float32, copy=False)
    if np.isnan(scores).any():
        raise ValueError("scores hold NaN")
    best = np.full((listed.shape[0], k), NOTHING)
    for row, (start, stop) in enumerate(pairwise(listed.indptr.tolist())):
        some = start + _candidates(scores[start:stop], k)
        keys = np.sort(item_keys(scores[some], listed.indices[some].astype(np.uint64)))[:k]
        best[row, : len(keys)] = keys
    return keys_to_lists(best)


def _candidates(scores: FloatArray, k: int) -> NDArray[np.int64]:
    """Places of a row that may be among the k best; all of a short one."""
    n_blocks = len(scores) // BLOCK
    if not 0 < k <= n_blocks:
        return np.arange(len(scores))
    maxima = scores[: n_blocks * BLOCK].reshape(n_blocks, BLOCK).max(axis=1)
    bound = np.partition(maxima, n_blocks - k)[n_blocks - k]
    return np.flatnonzero(scores >= bound)
