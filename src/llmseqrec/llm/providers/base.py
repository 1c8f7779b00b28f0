"""What every provider of a language model offers: it fine-tunes, and it answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from llmseqrec.config import ModelSettings, Services
from llmseqrec.errors import InputError
from llmseqrec.llm.parameters import SamplingParameters
from llmseqrec.llm.prompts import Prompt, Tokenize
from llmseqrec.uploads import Permission

S = TypeVar("S", bound=ModelSettings)


@dataclass(frozen=True)
class TuningFiles:
    """What a model is fine-tuned on; lines of `llmseqrec.llm.prompt_files`.

    Attributes:
        training: prompts with answers.
        validation: the same, to watch the loss on.
        names: every answer there can be, a list in JSON; empty where answers are no names.
    """

    training: Path
    validation: Path
    names: Path | None = None


@dataclass(frozen=True)
class Place:
    """Where a fine-tuned model is written.

    Attributes:
        model: output folder, which appears as a whole: model.json and what belongs to it.
        state: folder that survives a killed job; it changes with everything that decides the model.
        seed: of the run's chance.
        name: dataset.split.part.run.seed1, for readers of a service's list of jobs.
    """

    model: Path
    state: Path
    seed: int
    name: str


@dataclass(frozen=True)
class Request:
    """How questions are asked.

    Attributes:
        samples: answers of each.
        sampling: temperature, top_p and length.
        seed: of the chance, where the provider lets it be set.
    """

    samples: int
    sampling: SamplingParameters
    seed: int


class LLMProvider(ABC, Generic[S]):
    """Fine-tunes one model and asks it.

    Args:
        settings: of the configuration.
        device: torch device of a local model.
        permission: which texts may be sent, for how much; without it none may.
    """

    def __init__(
        self, settings: S, device: str = "cpu", permission: Permission | None = None
    ) -> None:
        self.settings = settings
        self.device = device
        self.permission = permission or Permission()

    @classmethod
    def unmet_need(cls, settings: S, services: Services | None = None) -> str | None:
        """Why the provider cannot work here, or None. Reaches for nothing, loads nothing heavy."""
        return None

    @abstractmethod
    def finetune(self, files: TuningFiles, place: Place) -> None:
        """Write the fine-tuned model to `place.model`, going on with what `place.state` holds.

        Raises:
            InputError: it cannot be made; told in one line.
        """

    @abstractmethod
    def answers(
        self, model: Path | None, questions: Sequence[Prompt], request: Request
    ) -> list[list[str]]:
        """Answers to each question, in the order they were drawn.

        Args:
            model: folder that `finetune` wrote; None: the base model.
            questions: in any order.
            request: how many, and how.

        Raises:
            InputError: they cannot be had; told in one line.
        """

    def ranked(
        self,
        model: Path | None,
        questions: Sequence[Prompt],
        completions: Sequence[str],
        beams: int,
    ) -> list[list[tuple[str, float]]]:
        """The likeliest of some completions for each question, with their log-probabilities.

        For models of this machine alone: it takes their probabilities.

        Args:
            model: as of `answers`.
            questions: in any order.
            completions: distinct texts that may be answered.
            beams: how many are found.

        Raises:
            InputError: the provider cannot do it.
        """
        raise InputError(f"{type(self).__name__} cannot be held to the catalogue's names")

    def cost(self) -> dict[str, Any] | None:
        """Requests, tokens and USD of the answers so far; None where nobody is paid."""
        return None

    def count_tokens(self) -> Tokenize | None:
        """Text to tokens, for the limit of training cases; None where there is no such limit."""
        return None
