"""The section that compares item vectors; to be imported from `llmseqrec.config`."""

from __future__ import annotations

from pydantic import Field, ValidationError, field_validator

from llmseqrec.config_base import Name, Strict, first_problem
from llmseqrec.registry import parameters_class


class Similarities(Strict):
    """Every combination of these is asked as LLMSeqSim on the validation folds of one split."""

    dataset: Name
    split: Name
    embeddings: list[Name] = Field(min_length=1)
    reductions: list[Name | None] = Field(
        [None], min_length=1, description="null: the vectors as they are."
    )
    decays: list[str | None] = Field(
        ["harmonic"], min_length=1, description="Weights of the mean of a session's vectors."
    )

    @field_validator("decays")
    @classmethod
    def _known_decays(cls, value: list[str | None]) -> list[str | None]:
        for decay in value:
            try:
                parameters_class("llm_seq_sim").model_validate({"decay": decay})
            except ValidationError as error:
                raise ValueError(first_problem(error)) from None
        return value
