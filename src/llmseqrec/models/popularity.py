"""MostPopular: the same list for everyone (study, §4.1 of its code: session_popular.py)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseqrec.evaluation.ranking import top_k
from llmseqrec.models.base import FloatArray, Recommender
from llmseqrec.models.parameters import MostPopularParameters
from llmseqrec.sessions import IntArray, Prompts, Sessions


class MostPopular(Recommender[MostPopularParameters]):
    """Items by number of training rows; prompt items stay in the list, as in the reference."""

    counts: NDArray[np.int64]

    def fit(self, train: Sessions, valid: Prompts | None = None) -> None:
        self.counts = np.bincount(train.items, minlength=self.catalogue.n_items)

    def score_batch(self, prompts: Sessions) -> NDArray[Any]:
        scores = np.where(self.counts > 0, self.counts, -np.inf).astype(np.float32)
        return np.broadcast_to(scores, (len(prompts), self.catalogue.n_items))

    def recommend(self, prompts: Sessions, k: int) -> tuple[IntArray, FloatArray]:
        """The one list, as often as there are prompts."""
        items, scores = top_k(self.score_batch(prompts.take(slice(0, 1))), k)
        n_lists = len(prompts)
        return np.repeat(items, n_lists, axis=0), np.repeat(scores, n_lists, axis=0)

    def state(self) -> dict[str, NDArray[Any]]:
        return {"counts": self.counts}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        self.counts = state["counts"]
