"""Configurations that share a computation: LLMSeqSim's decays, SKNN's numbers of neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseqrec.combinations import CUTOFF, mean_ndcg
from llmseqrec.config_search import OPTION_AXIS, Value
from llmseqrec.evaluation.gains import listed_gains
from llmseqrec.models.combined import Combined
from llmseqrec.models.combined_parameters import CombinedParameters
from llmseqrec.models.parameters import LLMSeqSimParameters
from llmseqrec.models.similarity import LLMSeqSim
from llmseqrec.models.sknn import SKNN
from llmseqrec.sessions import Prompts
from llmseqrec.tuning.space import Space

Means = Callable[[Any, Prompts, Sequence[Any]], NDArray[np.float64]]


@dataclass(frozen=True)
class SharedPass:
    """What a model's configurations can share.

    Attributes:
        axes: names that may differ within a family.
        means: (n_options,) mean NDCG@20 of prompts under each of several parameters.
    """

    axes: tuple[str, ...]
    means: Means


def similarity_means(
    recommender: LLMSeqSim, prompts: Prompts, options: Sequence[LLMSeqSimParameters]
) -> NDArray[np.float64]:
    """Under each pooling and decay, of one product with the item vectors."""
    means: NDArray[np.float64] = recommender.option_gains(prompts, options, CUTOFF).mean(axis=1)
    return means


def neighbour_means(
    recommender: SKNN, prompts: Prompts, options: Sequence[Any]
) -> NDArray[np.float64]:
    """For each number of neighbours, of the same similarities."""
    numbers = [option.k for option in options]
    totals, start = np.zeros(len(numbers)), 0
    for batch in prompts.sessions.batches(recommender.batch_rows):
        targets = prompts.targets[start : start + len(batch)]
        for place, scores in enumerate(recommender.score_neighbours(batch, numbers)):
            totals[place] += listed_gains(scores, targets, CUTOFF).sum()
        start += len(batch)
    return totals / len(prompts.targets)


def combined_means(
    recommender: Combined[Any], prompts: Prompts, options: Sequence[CombinedParameters]
) -> NDArray[np.float64]:
    """Under each option that parameters were pinned to, of the same scores of the components."""
    count = len(recommender.components)
    pinned = [option for each in options for option in each.options(count)]
    return mean_ndcg(recommender, prompts, pinned)


_OPTIONS = SharedPass((OPTION_AXIS,), combined_means)
SHARED_PASSES: dict[str, SharedPass] = {
    "llm_seq_sim": SharedPass(("pooling", "decay"), similarity_means),
    "sknn": SharedPass(("k",), neighbour_means),
    "sknn_emb": SharedPass(("k",), neighbour_means),
    "sequential_hybrid": _OPTIONS,
    "popularity_hybrid": _OPTIONS,
    "embedding_ensemble": _OPTIONS,
    "blend": _OPTIONS,
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
