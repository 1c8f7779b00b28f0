"""Parameters of the models that combine other runs. Light to import, as those of single models.

What is chosen on the validation prompts is an *option*: named numbers, such as {"quantile": 0.5}.
Parameters list the values to try; where they leave one option, nothing has to be chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from llmseqrec.models.parameters import Parameters

Option = dict[str, Any]  # numbers, or lists of numbers
QUARTILES = [0.25, 0.5, 0.75]


class CombinedParameters(Parameters):
    """Base of all parameters of combined runs."""

    def options(self, n_components: int) -> list[Option]:
        """What is tried, in the order in which the first of equally good ones is taken."""
        raise NotImplementedError

    @staticmethod
    def pinned(option: Option) -> dict[str, Any]:
        """Values of the parameters that leave this option alone."""
        raise NotImplementedError


class SequentialHybridParameters(CombinedParameters):
    """LLMSeqSim&Sequential (study, §6): a similarity run and a sequential one."""

    quantiles: list[float] = Field(
        QUARTILES,
        min_length=1,
        description="Of the items' popularity, to choose from; a prompt whose last item is at "
        "least so popular gets the sequential run's list.",
    )

    @model_validator(mode="after")
    def _quantiles_are_shares(self) -> Self:
        _check_shares("quantiles", self.quantiles)
        return self

    def options(self, n_components: int) -> list[Option]:
        return [{"quantile": value} for value in self.quantiles]

    @staticmethod
    def pinned(option: Option) -> dict[str, Any]:
        return {"quantiles": [option["quantile"]]}


class PopularityHybridParameters(CombinedParameters):
    """LLMSeqSim&Popularity and its variant for diversity (study, §6): one component."""

    popularity_quantiles: list[float] = Field(
        QUARTILES,
        description="Of the items' popularity, to choose from; items below it leave the list, the "
        "best ranked first, while more than `length` remain. Empty: none leave.",
    )
    diversity_quantiles: list[float] = Field(
        [],
        description="Of the similarities of item vectors, to choose from; an item that is so "
        "similar to a better one leaves the list. Needs an embedding. Empty: none leave.",
    )
    depth: int = Field(100, ge=1, description="Length of the component's list.")
    length: int = Field(20, ge=1, description="Items that unpopular ones are not taken from.")

    @property
    def idle_without_vectors(self) -> list[str]:
        return ["diversity_quantiles"] if self.diversity_quantiles else []

    @model_validator(mode="after")
    def _quantiles_are_shares(self) -> Self:
        if not self.popularity_quantiles and not self.diversity_quantiles:
            raise ValueError("popularity_quantiles and diversity_quantiles: both are empty")
        _check_shares("popularity_quantiles", self.popularity_quantiles)
        _check_shares("diversity_quantiles", self.diversity_quantiles)
        return self

    def options(self, n_components: int) -> list[Option]:
        named: dict[str, list[float]] = {
            "popularity": self.popularity_quantiles,
            "diversity": self.diversity_quantiles,
        }
        used = {name: values for name, values in named.items() if values}
        return [dict(zip(used, values, strict=True)) for values in product(*used.values())]

    @staticmethod
    def pinned(option: Option) -> dict[str, Any]:
        names = ("popularity", "diversity")
        return {f"{name}_quantiles": [option[name]] if name in option else [] for name in names}


class EmbeddingEnsembleParameters(CombinedParameters):
    """EmbeddingEnsemble (study, §6): of two components the first fills the top of the list."""

    ranks: list[int] = Field(
        [0, 1, 2, 3, 4, 5, 10, 20],
        description="To choose from: how many items the first component gives.",
    )
    confidences: list[float] = Field(
        [],
        description="To choose from: the first component gives the items of at least this score. "
        "The study tries ten values from 0.8 to 0.99, which suit the cosines of OpenAI ada.",
    )

    @model_validator(mode="after")
    def _something_to_try(self) -> Self:
        if not self.ranks and not self.confidences:
            raise ValueError("ranks and confidences: both are empty")
        if any(rank < 0 for rank in self.ranks):
            raise ValueError("ranks: a number of items is not negative")
        return self

    def options(self, n_components: int) -> list[Option]:
        return [
            *({"rank": value} for value in self.ranks),
            *({"confidence": value} for value in self.confidences),
        ]

    @staticmethod
    def pinned(option: Option) -> dict[str, Any]:
        names = ("rank", "confidence")
        return {f"{name}s": [option[name]] if name in option else [] for name in names}


class BlendParameters(CombinedParameters):
    """Weighted sum of the scores of two or more runs, normalised for each session.

    An item that a component does not list counts as the lowest that it lists.
    """

    normalisation: Literal["range", "maximum", "z_score"] = Field(
        "range",
        description="range: from 0, the lowest score, to 1, the highest; maximum: divided by the "
        "largest absolute score; z_score: mean 0 and variance 1 over the catalogue.",
    )
    weights: list[float] | None = Field(
        None,
        min_length=1,
        description="One a component; null: chosen, from steps that sum to one.",
    )
    step: float = Field(0.1, ge=0.01, le=0.5, description="Between the weights that are tried.")
    exclude_seen: bool = Field(True, description="Drop the prompt's items from its list.")

    @model_validator(mode="after")
    def _some_weight(self) -> Self:
        if self.weights is not None and (min(self.weights) < 0 or max(self.weights) == 0):
            raise ValueError("weights: none is negative, and one is positive")
        if abs(round(1 / self.step) * self.step - 1) > 1e-6:
            raise ValueError(f"step: 1 is no multiple of {self.step}")
        return self

    def options(self, n_components: int) -> list[Option]:
        if self.weights is not None:
            return [{"weights": list(self.weights)}]
        steps = round(1 / self.step)
        return [
            {"weights": [share / steps for share in shares]}
            for shares in _compositions(steps, n_components)
        ]

    @staticmethod
    def pinned(option: Option) -> dict[str, Any]:
        return {"weights": list(option["weights"])}


def _check_shares(name: str, quantiles: list[float]) -> None:
    if any(not 0 <= value <= 1 for value in quantiles):
        raise ValueError(f"{name}: a quantile is from 0 to 1")


def _compositions(total: int, parts: int) -> Iterator[list[int]]:
    """Every way to write a total as that many numbers, the first ones largest first."""
    if parts == 1:
        yield [total]
        return
    for first in range(total, -1, -1):
        for rest in _compositions(total - first, parts - 1):
            yield [first, *rest]
