"""NDCG of one target straight from scores, without making a list."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseqrec.sessions import IntArray


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
    gains[near] = np.where(rank[near] <= k, 1 / np.log2(rank[near] + 1), 0.0)
    return gains
