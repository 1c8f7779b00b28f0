"""Recommenders whose lists are given, to combine."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from llmseqrec.models.base import Catalogue, Recommender
from llmseqrec.models.parameters import Parameters
from llmseqrec.sessions import Prompts, Sessions


def sessions_of(lists: Sequence[Sequence[int]], first_id: int = 0) -> Sessions:
    """Sessions of lists of items, with consecutive ids."""
    offsets = np.cumsum([0, *map(len, lists)]).astype(np.int64)
    items = np.array([item for items in lists for item in items], dtype=np.int32)
    return Sessions(offsets, items, first_id + np.arange(len(lists), dtype=np.int32))


class Given(Recommender[Parameters]):
    """Lists by session id; scores fall from list to list unless they are given too."""

    def __init__(
        self,
        n_items: int,
        lists: Mapping[str, Sequence[int]],
        scores: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        super().__init__(Parameters(), Catalogue(n_items))
        self.lists, self.scores = lists, scores

    def fit(self, train: Sessions, valid: Prompts | None = None) -> None:
        raise AssertionError("components are never trained")

    def score_batch(self, prompts: Sessions) -> np.ndarray:
        scores = np.full((len(prompts), self.catalogue.n_items), -np.inf)
        for row, session in enumerate(prompts.session_ids):
            items = self.lists[str(session)]
            falling = 1 - 0.01 * np.arange(len(items))
            scores[row, items] = self.scores[str(session)] if self.scores else falling
        return scores

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing to take up."""
