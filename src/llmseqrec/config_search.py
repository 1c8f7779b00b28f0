"""Searches for parameters and their ranges; to be imported from `llmseqrec.config`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from llmseqrec.config_base import Name, Strict

Value = bool | int | float | str | None
# Axes of a space that are no parameters of a model but names of the configuration.
NAMED_AXES = ("embedding", "reduction")
# Of combined runs: what takes a component's place, by its name behind this prefix; and one of the
# options that the run's parameters list, as JSON.
COMPONENT_AXIS = "components."
OPTION_AXIS = "option"
MOST_STEPS = 100_000  # of a grid, whose values are listed


class Range(Strict):
    """Values of one parameter: a grid from low to high, or choices."""

    low: int | float | None = None
    high: int | float | None = None
    step: int | float | None = Field(None, gt=0, description="Of the grid; null: continuous.")
    log: bool = Field(False, description="Drawn on a logarithmic scale; without a step.")
    choices: list[Value] | None = None
    when: dict[str, list[Value]] = Field(
        default_factory=dict,
        description="Searched only where another parameter has one of these values.",
    )

    @model_validator(mode="after")
    def _grid_or_choices(self) -> Range:
        grid = self.low is not None and self.high is not None
        if grid == bool(self.choices) or (self.low is None) != (self.high is None):
            raise ValueError("either low and high, or choices")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        if self.choices and (self.step or self.log):
            raise ValueError("step and log are of a grid, not of choices")
        if self.log and self.step:
            raise ValueError("log has no step")
        if self.step and (self.high or 0) - (self.low or 0) > MOST_STEPS * self.step:
            raise ValueError(f"step {self.step}: more than {MOST_STEPS:,} values; widen it")
        return self

    @property
    def values(self) -> list[Value] | None:
        """All values in order; None of a continuous range."""
        if self.choices is not None:
            return self.choices
        if self.step is None or self.low is None or self.high is None:
            return None
        count = int((self.high - self.low) / self.step + 1e-9) + 1
        return [tidy(self.low + number * self.step) for number in range(count)]

    def holds(self, value: Value) -> bool:
        """Whether a value can be drawn."""
        if self.values is not None:
            return value in self.values and isinstance(value, bool) == isinstance(
                self.values[0], bool
            )
        if isinstance(value, bool | str | None):
            return False
        return self.low is not None and self.high is not None and self.low <= value <= self.high


def tidy(value: int | float) -> int | float:
    """A number of a grid without the dust of floating-point sums."""
    return value if isinstance(value, int) else round(value, 10)


def in_order(ranges: Mapping[str, Range]) -> dict[str, Range]:
    """Ranges in an order in which what a condition looks at stands before it.

    Raises:
        ValueError: conditions lead back to where they began.
    """
    left, made = dict(ranges), dict[str, Range]()
    while left:
        ready = [name for name, found in left.items() if not left.keys() & found.when.keys()]
        if not ready:
            raise ValueError(f"{next(iter(left))}.when: conditions that wait for each other")
        made |= {name: left.pop(name) for name in ready}
    return made


class Search(Strict):
    """A search for the parameters of a run, on the validation folds (study, §7.1.4).

    What is maximised is the mean NDCG@20 over the folds' validation prompts.
    """

    run: Name = Field(description="The run that gives the model and what is not searched.")
    dataset: Name
    split: Name
    space: Name | None = Field(
        None, description="Ranges of config/spaces.yaml by name; null: those of the model's name."
    )
    ranges: dict[str, Range | None] = Field(
        default_factory=dict,
        description="Ranges that replace or join those of the space; null takes one out. Besides "
        "parameters, such as `item_vectors.mode`, there are `embedding`, `reduction` and, of a "
        "combined run, `components.{component}` for what takes its place: choices of names.",
    )
    variants: dict[Name, dict[str, Value]] = Field(
        {"all": {}},
        min_length=1,
        description="Searches side by side, each with some values fixed, merged into one result.",
    )
    sampler: Literal["tpe", "random", "grid"] = Field(
        "tpe", description="grid: every configuration once, in random order."
    )
    first: list[dict[str, Value]] = Field(
        default_factory=list,
        description="Values to try before any are drawn, such as a published optimum; what one "
        "does not name is drawn, what a variant fixes stays fixed. Not for a grid.",
    )
    random_trials: NonNegativeInt = Field(40, description="Random ones before TPE begins.")
    trials: PositiveInt | None = Field(
        500, description="Of each variant, by all workers together; null (grid only): all."
    )
    patience: PositiveInt | None = Field(
        100, description="Trials of a variant without a better one after which it ends."
    )
    hours: float | None = Field(
        72, gt=0, description="Of each variant: time of its trials, divided by its workers."
    )
    prune_share: float = Field(
        0.2, ge=0, lt=1, description="After each fold the worst share of the trials is given up."
    )
    prune_after: PositiveInt = Field(10, description="Trials that there must be for that.")
    together: PositiveInt = Field(
        6,
        description="Values of k that one pass over the neighbours serves; of LLMSeqSim all "
        "decays share a pass whatever this says.",
    )
    workers: int = Field(1, gt=0, le=1000, description="Jobs that share each variant.")
    seed: NonNegativeInt = 1
    epochs: Literal["folds", "inner"] = Field(
        "folds",
        description="Of the winner, where it is neural. folds: the median of the best epochs over "
        "the folds, on all training sessions; inner: stopped early on withheld sessions (study).",
    )

    @field_validator("ranges")
    @classmethod
    def _known_conditions(cls, value: dict[str, Range | None]) -> dict[str, Range | None]:
        named = [key for key in value if key in NAMED_AXES or key.startswith(COMPONENT_AXIS)]
        for key in named:
            found = value[key]
            if found is not None and found.choices is None:
                raise ValueError(f"{key}: takes choices, which are names")
        return value

    @model_validator(mode="after")
    def _ends(self) -> Search:
        if self.trials is None and self.sampler != "grid":
            raise ValueError(f"trials: null is for sampler grid; {self.sampler} draws for ever")
        if self.first and self.sampler == "grid":
            raise ValueError("first: a grid tries every value")
        return self

    def components(self, own: Sequence[str]) -> list[str]:
        """Runs that a combined run can be made of: its own, and those that may take a place."""
        places = [found.choices or [] for found in self._on_components(self.ranges) if found]
        places += [
            [value] for fixed in self.variants.values() for value in self._on_components(fixed)
        ]
        return list(dict.fromkeys([*own, *(str(name) for place in places for name in place)]))

    @staticmethod
    def _on_components(values: Mapping[str, Any]) -> list[Any]:
        return [value for name, value in values.items() if name.startswith(COMPONENT_AXIS)]

    @property
    def result(self) -> dict[str, Any]:
        """What decides the trials: all but how long and by how many, and what comes after."""
        beside = {"trials", "patience", "hours", "workers", "epochs"}
        return self.model_dump(mode="json", exclude=beside)
