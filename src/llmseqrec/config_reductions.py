"""The sections a reduction is made of; to be imported from `llmseqrec.config`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from llmseqrec.config_base import Strict, one_of
from llmseqrec.registry import REDUCERS

ORDERED_METHODS = ("pca", "pca_whitening")  # the first direction has the largest variance
CHAIN = "chain"  # the method of a reduction of several steps
_WHITENING = {"power", "ridge", "tolerance"}
_CHANCE = {"dimensions", "seed"}
# What each method reads, so that an option which would do nothing is refused. A method that is not
# named here, such as one of your own, may have any.
_OPTIONS: dict[str, set[str]] = {
    "none": set(),
    "centre": set(),
    "standardise": set(),
    "pca": {"dimensions"},
    "lda": {"dimensions"},
    "random_projection": _CHANCE,
    "autoencoder": _CHANCE | {"epochs", "batch_size", "learning_rate", "l2"},
    "pca_whitening": _WHITENING | {"dimensions"},
    "zca": _WHITENING | {"rank"},
    "group_zca": _WHITENING | {"rank", "groups"},
}
# Methods whose result has the coordinates of the vectors they were given, in no order.
_IN_PLACE = {"none", "centre", "standardise", "zca", "group_zca"}


class ReductionStep(Strict):
    """One step of a chain. Each method reads some of the options and refuses the others."""

    method: str = Field(description="One of " + ", ".join(REDUCERS) + ".")
    dimensions: int | None = Field(None, ge=1, description="null keeps all that is possible.")
    power: float = Field(1.0, ge=0, le=1, description="Whitening exponent: 0 none, 1 full.")
    ridge: float = Field(0.0, ge=0, description="Added to the variances before whitening.")
    tolerance: float = Field(
        1e-4,
        ge=0,
        lt=1,
        description="Whitening drops directions whose singular value is below this share of the "
        "largest.",
    )
    rank: int | None = Field(
        None,
        ge=1,
        description="zca, group_zca: leading directions kept (of each group); null: all.",
    )
    groups: int = Field(
        4, ge=1, description="group_zca: blocks of coordinates, each whitened by itself."
    )
    seed: int = Field(0, ge=0, description="Of the random projection and the autoencoder.")
    epochs: int = Field(3, ge=1, description="Of the autoencoder, as are the next three.")
    batch_size: int = Field(512, ge=1)
    learning_rate: float = Field(0.001, gt=0)
    l2: float = Field(0.0, ge=0, description="Times the sum of squares of weights and biases.")
    normalise: bool = Field(False, description="Divide every row by its L2 norm afterwards.")

    @field_validator("method")
    @classmethod
    def _known_method(cls, value: str) -> str:
        return one_of(value, REDUCERS, "method")

    @model_validator(mode="after")
    def _no_idle_options(self) -> ReductionStep:
        self._refuse_idle(_OPTIONS.get(self.method))
        return self

    def _refuse_idle(self, read: set[str] | None) -> None:
        """Refuse an option that has another value than its default and is not read."""
        if read is None:
            return
        for key, field in ReductionStep.model_fields.items():
            idle = key not in {"method", "normalise"} | read
            if idle and getattr(self, key) != field.default:
                has = ", ".join(sorted(read)) or "no options"
                raise ValueError(f"{key} does nothing in {self.method}, which has {has}")


class Reduction(ReductionStep):
    """What is done to item vectors before a model sees them (study, §3.3): a step, or several."""

    method: str = Field(
        CHAIN, description="One of " + ", ".join(REDUCERS) + "; left out where there are steps."
    )
    normalise: bool = Field(True, description="Divide every row by its L2 norm afterwards.")
    steps: list[ReductionStep] = Field(
        default_factory=list, description="A chain: each step is fitted on what the last one gave."
    )
    fit_on: Literal["catalogue", "training"] = Field(
        "catalogue",
        description="Fitted on all items (study), or on those of the training sessions of each "
        "split and part.",
    )

    @field_validator("method")
    @classmethod
    def _known_method(cls, value: str) -> str:
        return value if value == CHAIN else one_of(value, REDUCERS, "method")

    @model_validator(mode="before")
    @classmethod
    def _step_or_chain(cls, content: Any) -> Any:
        if isinstance(content, dict):
            chain = content.get("method", CHAIN) == CHAIN
            if chain and not content.get("steps"):
                raise ValueError("a method, or steps, must be given")
            if content.get("steps") and not chain:
                raise ValueError("either a method or steps, not both; make it the first step")
        return content

    @model_validator(mode="after")
    def _no_idle_options(self) -> Reduction:
        self._refuse_idle(set() if self.steps else _OPTIONS.get(self.method))
        return self

    @property
    def chain(self) -> tuple[ReductionStep, ...]:
        """The steps in their order; the last one normalises where the reduction does."""
        if self.steps:
            *first, last = self.steps
            return (*first, last.model_copy(update={"normalise": self.normalise}))
        own = self.model_dump(exclude={"steps", "fit_on"})
        return (ReductionStep.model_validate(own),)

    @property
    def ordered(self) -> bool:
        """Whether the first coordinate has the largest variance, and so on."""
        return self.chain[-1].method in ORDERED_METHODS

    @property
    def keeps_coordinates(self) -> bool:
        """Whether the coordinates are still those of the embedding, which come in no order."""
        return all(step.method in _IN_PLACE for step in self.chain)
