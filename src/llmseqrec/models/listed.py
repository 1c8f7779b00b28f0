"""Recommenders that have a score for few of the items: lists made of those alone.

A row of all items is mostly -inf there, and to write and search it costs more than to find what
stands in it once the catalogue is large. What a batch takes grows with the places that its prompts
touch, so that these, and not a number of prompts, decide how long a batch is.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseqrec.evaluation.sparse_ranking import top_k_listed
from llmseqrec.models.base import FloatArray, P, Recommender
from llmseqrec.models.neighbours import Matrix, row_numbers
from llmseqrec.sessions import IntArray, Sessions

PLACES_AT_ONCE = 1 << 22  # of a batch, counted as if all its prompts touched as many as the most


class ListedRecommender(Recommender[P]):
    """A recommender whose scores are sparse; what they do not store, or as -inf, is ruled out."""

    @abstractmethod
    def score_listed(self, prompts: Sessions) -> Matrix:
        """Scores (n_prompts, n_items) of the items that may be listed, each stored once."""

    @abstractmethod
    def touched(self, prompts: Sessions) -> NDArray[np.int64]:
        """(n_prompts,) how many places each prompt takes at most while it is scored."""

    def score_batch(self, prompts: Sessions) -> NDArray[np.float64]:
        """Scores (n_prompts, n_items); -inf for items that are not listed."""
        found = self.score_listed(prompts)
        scores = np.full(found.shape, -np.inf)
        scores[row_numbers(found), found.indices] = found.data
        return scores

    def recommend(self, prompts: Sessions, k: int) -> tuple[IntArray, FloatArray]:
        """The k best of the listed items of each prompt, as `top_k` of all scores gives them."""
        items = np.full((len(prompts), k), -1, dtype=np.int32)
        scores = np.full((len(prompts), k), -np.inf, dtype=np.float32)
        for some in portions(self.touched(prompts), self.batch_rows):
            items[some], scores[some] = top_k_listed(self.score_listed(prompts.take(some)), k)
        return items, scores


def portions(sizes: NDArray[Any], most: int, places: int = PLACES_AT_ONCE) -> Iterator[slice]:
    """Consecutive ranges of prompts whose number times the largest size stays within `places`.

    Args:
        sizes: (n,) of the prompts; one that is larger than `places` has a range of its own.
        most: prompts of a range at most.
        places: see above.
    """
    start, largest = 0, 0
    for stop, size in enumerate(sizes.tolist()):
        largest = max(largest, size)
        if stop > start and ((stop - start + 1) * largest > places or stop - start == most):
            yield slice(start, stop)
            start, largest = stop, size
    if start < len(sizes):
        yield slice(start, len(sizes))
