"""The study's hybrids (§6; code: main/hybrids/properties.py): lists switched, thinned or joined.

Popularity is the share of sessions that hold an item, and cut-offs are quantiles over the items
that occur (linear interpolation).

Deviations from the study's code:
    * Popularity is counted in the training sessions alone; the reference counts the test's too.
    * Each fold is scored by models fitted on that fold; the reference scores all folds by the
      models of the third, which have seen the sessions of the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseqrec.errors import InputError
from llmseqrec.evaluation.ranking import top_k
from llmseqrec.models.combined import Combined, Scores, item_popularity, number
from llmseqrec.models.combined_parameters import (
    EmbeddingEnsembleParameters,
    Option,
    PopularityHybridParameters,
    SequentialHybridParameters,
)
from llmseqrec.models.pooling import unit_rows
from llmseqrec.sessions import IntArray, Sessions

Doubles = NDArray[np.float64]
Marks = NDArray[np.bool_]
MAX_SIMILARITY_PAIRS = 4096  # items whose similarities are held at once


@dataclass(frozen=True)
class Listed:
    """The best items of one component.

    Attributes:
        items: (n_prompts, depth), padded with -1.
        scores: (n_prompts, n_items) of the component.
    """

    items: IntArray
    scores: Scores


class SequentialHybrid(Combined[SequentialHybridParameters]):
    """LLMSeqSim&Sequential: the sequential run where the last item is popular, else similarity.

    Whole lists are switched, so that scores of one session are those of one component. An empty
    prompt, and one whose last item no training session holds, go to the first component.
    """

    popularity: Doubles  # (n_items,), NaN for unknown items

    def learn(self, train: Sessions) -> None:
        self.popularity = item_popularity(train, self.catalogue.n_items)

    def prepare(self, prompts: Sessions, scores: list[Scores]) -> tuple[Doubles, list[Scores]]:
        last = prompts.last_items
        known = np.where(last >= 0, self.popularity[last], np.nan)
        return np.nan_to_num(known, nan=-1.0), scores

    def decide(self, prepared: tuple[Doubles, list[Scores]], option: Option) -> Scores:
        popularity, (similar, sequential) = prepared
        popular = popularity >= cutoff(self.popularity, number(option, "quantile"))
        return np.where(popular[:, None], sequential, similar)

    def state(self) -> dict[str, NDArray[Any]]:
        return super().state() | {"popularity": self.popularity}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        super().restore(state)
        self.popularity = state["popularity"]


class PopularityHybrid(Combined[PopularityHybridParameters]):
    """LLMSeqSim&Popularity: unpopular items leave a long list, and near-duplicates if asked for.

    As in the reference, unpopular items leave from the best rank downwards while more than `length`
    remain, so that some may stay at the lower ranks. Similar items leave after them, without
    others taking their places.
    """

    popularity: Doubles  # (n_items,), NaN for unknown items

    def learn(self, train: Sessions) -> None:
        self.popularity = item_popularity(train, self.catalogue.n_items)
        if self.parameters.diversity_quantiles:
            self.similarities = similarity_quantiles(
                self._unit_vectors, self.parameters.diversity_quantiles
            )

    def prepare(self, prompts: Sessions, scores: list[Scores]) -> Listed:
        (only,) = scores
        found, _ = top_k(only.astype(np.float32, copy=False), self.parameters.depth)
        return Listed(found, only)

    def decide(self, prepared: Listed, option: Option) -> Scores:
        items = prepared.items
        keep = items >= 0
        if "popularity" in option:
            limit = cutoff(self.popularity, number(option, "popularity"))
            popularity = np.nan_to_num(self.popularity, nan=-1.0)[items]
            keep &= ~_surplus(keep & (popularity < limit), keep, self.parameters.length)
        if "diversity" in option:
            place = self.parameters.diversity_quantiles.index(number(option, "diversity"))
            keep = self._distinct(items, keep, self.similarities[place])
        scores = np.full(prepared.scores.shape, -np.inf, dtype=prepared.scores.dtype)
        rows, places = np.nonzero(keep)
        chosen = items[rows, places]
        scores[rows, chosen] = prepared.scores[rows, chosen]
        return scores

    def state(self) -> dict[str, NDArray[Any]]:
        own = {"popularity": self.popularity}
        if self.parameters.diversity_quantiles:
            own["similarities"] = self.similarities
        return super().state() | own

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        super().restore(state)
        self.popularity = state["popularity"]
        if self.parameters.diversity_quantiles:
            self.similarities = state["similarities"]

    @cached_property
    def _unit_vectors(self) -> Doubles:
        if self.catalogue.vectors is None:
            raise InputError("diversity_quantiles: need item vectors; name an embedding in the run")
        return unit_rows(np.asarray(self.catalogue.vectors, dtype=np.float64))

    def _distinct(self, items: IntArray, keep: Marks, limit: float) -> Marks:
        """Of the kept places of each list, those less similar than `limit` to all kept before."""
        unit = self._unit_vectors
        kept = np.zeros_like(keep)
        for row in range(len(items)):
            for place in np.flatnonzero(keep[row]):
                before = unit[items[row, kept[row]]]
                kept[row, place] = not (before @ unit[items[row, place]] >= limit).any()
        return kept


class EmbeddingEnsemble(Combined[EmbeddingEnsembleParameters]):
    """EmbeddingEnsemble: the best of the first component, then the second's list, without repeats.

    Items of the first component score above all of the second, which keep their scores.
    """

    def learn(self, train: Sessions) -> None:
        """Nothing to learn."""

    def prepare(self, prompts: Sessions, scores: list[Scores]) -> tuple[Listed, Scores]:
        first, second = scores
        depth = max([1, *self.parameters.ranks])
        found, _ = top_k(first.astype(np.float32, copy=False), depth)
        return Listed(found, first), second

    def decide(self, prepared: tuple[Listed, Scores], option: Option) -> Scores:
        first, second = prepared
        joined = second.astype(np.float64)
        highest = joined.max(axis=1, initial=-np.inf, keepdims=True)
        highest[~np.isfinite(highest)] = 0
        if "confidence" in option:
            limit = number(option, "confidence")
            return np.where(first.scores >= limit, highest + 1 + first.scores - limit, joined)
        count = int(number(option, "rank"))
        rows, places = np.nonzero(first.items[:, :count] >= 0)
        joined[rows, first.items[rows, places]] = highest[rows, 0] + count - places
        return joined


def cutoff(popularity: Doubles, quantile: float) -> float:
    """The quantile of the popularity of the items that occur; 0 where none does."""
    known = popularity[~np.isnan(popularity)]
    return float(np.quantile(known, quantile)) if len(known) else 0.0


def similarity_quantiles(unit: Doubles, quantiles: list[float]) -> Doubles:
    """Quantiles of the cosine similarity of two items, over all pairs of unlike items.

    Deviation: of catalogues with more than `MAX_SIMILARITY_PAIRS` items, that many are drawn (seed
    0), since the pairs of all would fill the memory.
    """
    if len(unit) > MAX_SIMILARITY_PAIRS:
        chosen = np.random.default_rng(0).choice(len(unit), MAX_SIMILARITY_PAIRS, replace=False)
        unit = unit[np.sort(chosen)]
    similar = (unit @ unit.T)[~np.eye(len(unit), dtype=bool)]
    found: Doubles = np.quantile(similar, quantiles)
    return found


def _surplus(unwanted: Marks, listed: Marks, length: int) -> Marks:
    """The unwanted places, best ranked first, that can leave while more than `length` remain."""
    room = np.maximum(listed.sum(axis=1, keepdims=True) - length, 0)
    leaving: Marks = unwanted & (np.cumsum(unwanted, axis=1) <= room)
    return leaving
