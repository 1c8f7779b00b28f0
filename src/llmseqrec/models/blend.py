"""Blend: a weighted sum of the scores of several runs, made comparable session by session.

Not in the study, which switches and joins lists. Linear combination of normalised scores is that of
Fox & Shaw 1994, "Combination of multiple searches" (CombSUM), with weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmseqrec.errors import InputError
from llmseqrec.models.base import exclude
from llmseqrec.models.combined import Combined, Scores
from llmseqrec.models.combined_parameters import BlendParameters, Option
from llmseqrec.sessions import Sessions


@dataclass(frozen=True)
class Normalised:
    """A batch of scores of all components.

    Attributes:
        scores: (n_components, n_prompts, n_items) float32, finite.
        listed: (n_components, n_prompts, n_items) what a component has a score for.
        prompts: the batch.
    """

    scores: NDArray[np.float32]
    listed: NDArray[np.bool_]
    prompts: Sessions


class Blend(Combined[BlendParameters]):
    """Weighted sum of normalised scores over what a component of positive weight lists."""

    def learn(self, train: Sessions) -> None:
        """Check that there is a weight for every component."""
        weights = self.parameters.weights
        if weights is not None and len(weights) != len(self.components):
            raise InputError(
                f"weights: {len(weights)} of them for {len(self.components)} components"
            )

    def prepare(self, prompts: Sessions, scores: list[Scores]) -> Normalised:
        listed = np.stack([np.isfinite(part) for part in scores])
        rule = self.parameters.normalisation
        return Normalised(np.stack([normalise(part, rule) for part in scores]), listed, prompts)

    def decide(self, prepared: Normalised, option: Option) -> Scores:
        weights = np.asarray(option["weights"], dtype=np.float32)
        used = np.flatnonzero(weights)
        total = np.zeros(prepared.scores.shape[1:], dtype=np.float32)
        for place in used:
            total += weights[place] * prepared.scores[place]
        total[~np.logical_or.reduce(prepared.listed[used])] = -np.inf
        if self.parameters.exclude_seen:
            exclude(total, prepared.prompts)
        return total


def normalise(scores: Scores, rule: str) -> NDArray[np.float32]:
    """Scores of each row on a common scale; those of -inf become the lowest.

    Rows of equal scores become zero, but for `maximum`.

    Args:
        scores: (n_rows, n_items), -inf where an item is not listed.
        rule: see `BlendParameters.normalisation`.
    """
    values = scores.astype(np.float32)
    listed = np.isfinite(values)
    lowest = np.where(listed, values, np.inf).min(axis=1, initial=np.inf, keepdims=True)
    lowest[~np.isfinite(lowest)] = 0
    values = np.where(listed, values, lowest)
    if rule == "maximum":
        return _divided(values, np.abs(values).max(axis=1, initial=0, keepdims=True))
    if rule == "range":
        values -= lowest
        return _divided(values, values.max(axis=1, initial=0, keepdims=True))
    values -= values.mean(axis=1, keepdims=True)
    return _divided(values, values.std(axis=1, keepdims=True))


def _divided(values: NDArray[np.float32], scale: NDArray[np.float32]) -> NDArray[np.float32]:
    values /= np.where(scale > 0, scale, 1)
    return values
