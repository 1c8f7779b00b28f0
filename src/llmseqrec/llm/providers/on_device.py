"""What the providers of this machine share.

Light to import, since planning asks every provider what it needs: torch is loaded when a model is
trained or asked.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from llmseqrec.config import TrainedHere
from llmseqrec.llm.prompts import Prompt
from llmseqrec.llm.providers.base import LLMProvider, Request

if TYPE_CHECKING:
    from llmseqrec.llm.language_model import LanguageModel

T = TypeVar("T", bound=TrainedHere)

# Where weights lie in the folder of a model that was trained in full.
WEIGHTS = "weights"


class OnDevice(LLMProvider[T]):
    """A language model of this machine."""

    @abstractmethod
    def load(self, model: Path | None) -> LanguageModel:
        """The fine-tuned model of a folder, or the base model, ready to be asked."""

    def answers(
        self, model: Path | None, questions: Sequence[Prompt], request: Request
    ) -> list[list[str]]:
        from llmseqrec.llm.asking import sampled

        return sampled(self._opened(model), questions, request, self.settings.batch_prompts)

    def ranked(
        self,
        model: Path | None,
        questions: Sequence[Prompt],
        completions: Sequence[str],
        beams: int,
    ) -> list[list[tuple[str, float]]]:
        from llmseqrec.llm.asking import ranked
        from llmseqrec.llm.beam_search import BeamOptions

        options = BeamOptions(beams, among_names=self.settings.only_names)
        batch = self.settings.batch_prompts
        return ranked(self._opened(model), questions, completions, options, batch)

    def _opened(self, model: Path | None) -> LanguageModel:
        """The model of a folder whose files are those that were written, or the base model."""
        from llmseqrec.llm.model_files import check_model

        if model is not None:
            check_model(model)
        return self.load(model)

    def facts(self, **found: Any) -> dict[str, Any]:
        """What model.json tells of a training on this machine."""
        return {"provider": self.settings.provider, "device": self.device} | found
