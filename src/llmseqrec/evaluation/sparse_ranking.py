"""Exact top-k of rows of which few items are stored."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from llmseqrec.evaluation.products import FloatArray
from llmseqrec.evaluation.ranking import NOTHING, IntArray, item_keys, keys_to_lists


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
    keys = item_keys(scores, listed.indices.astype(np.uint64))
    best = np.full((listed.shape[0], k), NOTHING)
    for row, (start, stop) in enumerate(pairwise(listed.indptr.tolist())):
        found = keys[start:stop]  # partitioned in place: nobody else reads them
        if len(found) > k > 0:
            found.partition(k - 1)
        some = np.sort(found[:k])
        best[row, : len(some)] = some
    return keys_to_lists(best)
