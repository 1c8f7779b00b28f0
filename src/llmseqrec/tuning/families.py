"""Configurations that share a computation: LLMSeqSim's decays, SKNN's numbers of neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseqrec.config_search import Value
from llmseqrec.models.parameters import LLMSeqSimParameters
from llmseqrec.models.similarity import LLMSeqSim
from llmseqrec.models.sknn import SKNN
from llmseqrec.sessions import Sessions
from llmseqrec.tuning.space import Space

Scores = Callable[[Any, Sessions, Sequence[Any]], Iterator[NDArray[Any]]]


@dataclass(frozen=True)
class SharedPass:
    """What a model's configurations can share.

    Attributes:
        axes: names that may differ within a family.
        scores: scores of a batch of prompts under each of several parameters, in their order.
    """

    axes: tuple[str, ...]
    scores: Scores


def similarity_scores(
    recommender: LLMSeqSim, prompts: Sessions, options: Sequence[LLMSeqSimParameters]
) -> Iterator[NDArray[Any]]:
    """Similarities under each pooling and decay, as one product with the item vectors."""
    yield from recommender.score_options(prompts, options)


def neighbour_scores(
    recommender: SKNN, prompts: Sessions, options: Sequence[Any]
) -> Iterator[NDArray[Any]]:
    """Scores for each number of neighbours, of the same similarities."""
    yield from recommender.score_neighbours(prompts, [option.k for option in options])


SHARED_PASSES: dict[str, SharedPass] = {
    "llm_seq_sim": SharedPass(("pooling", "decay"), similarity_scores),
    "sknn": SharedPass(("k",), neighbour_scores),
    "sknn_emb": SharedPass(("k",), neighbour_scores),
}


def family_axes(model: str, space: Space, together: int) -> Mapping[str, list[Value]]:
    """Values that one pass over the folds serves, by name; empty where trials share nothing.

    Args:
        model: of the registry.
        space: what is searched.
        together: how many values of a grid of numbers; choices are taken whole.
    """
    if model not in SHARED_PASSES:
        return {}
    axes: dict[str, list[Value]] = {}
    for name in SHARED_PASSES[model].axes:
        found = space.ranges.get(name)
        values = found.values if found else None
        if not values or "text" in values:  # texts are encoded one by one
            continue
        if found and found.choices is None and len(values) > together:
            places = np.linspace(0, len(values) - 1, together).round().astype(int)
            values = [values[place] for place in places]
        axes[name] = values
    return axes
