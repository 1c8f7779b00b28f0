"""Configurations that share a computation: LLMSeqSim's decays, SKNN's numbers of neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseqrec.config_search import Value
from llmseqrec.evaluation.gains import listed_gains
from llmseqrec.models.parameters import LLMSeqSimParameters
from llmseqrec.models.similarity import LLMSeqSim
from llmseqrec.models.sknn import SKNN
from llmseqrec.sessions import Prompts
from llmseqrec.tuning.space import Space

Gains = Callable[[Any, Prompts, Sequence[Any], int], NDArray[np.float64]]


@dataclass(frozen=True)
class SharedPass:
    """What a model's configurations can share.

    Attributes:
        axes: names that may differ within a family.
        gains: (n_options, n_prompts) of the targets under each of several parameters, up to a rank.
    """

    axes: tuple[str, ...]
    gains: Gains


def similarity_gains(
    recommender: LLMSeqSim, prompts: Prompts, options: Sequence[LLMSeqSimParameters], k: int
) -> NDArray[np.float64]:
    """Gains under each pooling and decay, of one product with the item vectors."""
    return recommender.option_gains(prompts, options, k)


def neighbour_gains(
    recommender: SKNN, prompts: Prompts, options: Sequence[Any], k: int
) -> NDArray[np.float64]:
    """Gains for each number of neighbours, of the same similarities."""
    numbers = [option.k for option in options]
    found = []
    start = 0
    for batch in prompts.sessions.batches(recommender.batch_rows):
        targets = prompts.targets[start : start + len(batch)]
        scores = recommender.score_neighbours(batch, numbers)
        found.append([listed_gains(each, targets, k) for each in scores])
        start += len(batch)
    return np.concatenate(found, axis=1)


SHARED_PASSES: dict[str, SharedPass] = {
    "llm_seq_sim": SharedPass(("pooling", "decay"), similarity_gains),
    "sknn": SharedPass(("k",), neighbour_gains),
    "sknn_emb": SharedPass(("k",), neighbour_gains),
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
