"""What the providers of this machine share: training, sampling, and decoding in the catalogue."""

from __future__ import annotations

import logging
import shutil
from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from llmseqrec.config import TrainedHere
from llmseqrec.contracts import STEP_HISTORY, atomic_folder, write_json, write_table
from llmseqrec.llm.beam_search import BeamOptions
from llmseqrec.llm.decoding import catalogue_trie, rank_items, sample_texts
from llmseqrec.llm.language_model import LanguageModel
from llmseqrec.llm.pairs import EncodedPairs, Pair
from llmseqrec.llm.prompt_files import read_examples
from llmseqrec.llm.prompts import Prompt
from llmseqrec.llm.providers.base import LLMProvider, Place, Request, TuningFiles
from llmseqrec.llm.sampling import SamplingOptions
from llmseqrec.llm.training import Training, TrainingOptions

logger = logging.getLogger(__name__)

T = TypeVar("T", bound=TrainedHere)
_OPTIONS = tuple(TrainingOptions.__dataclass_fields__)


class OnDevice(LLMProvider[T]):
    """A language model of this machine.

    Chat prompts become one text to be continued. What follows a prompt's stop text is cut off.
    """

    @abstractmethod
    def load(self, model: Path | None) -> LanguageModel:
        """The fine-tuned model of a folder, or the base model, ready to be asked."""

    def answers(
        self, model: Path | None, questions: Sequence[Prompt], request: Request
    ) -> list[list[str]]:
        network, asked = self.load(model), request.sampling
        options = SamplingOptions(
            samples=request.samples,
            temperature=asked.temperature,
            top_p=asked.top_p,
            # An answer as long as the context would leave no room for the question.
            most_tokens=min(asked.max_tokens, network.context // 2),
            seed=request.seed,
        )
        texts = [question.text for question in questions]
        drawn = sample_texts(network, texts, options, self.settings.batch_prompts)
        return [
            [_before(question.stop, text) for text in texts]
            for question, texts in zip(questions, drawn, strict=True)
        ]

    def ranked(
        self,
        model: Path | None,
        questions: Sequence[Prompt],
        completions: Sequence[str],
        beams: int,
    ) -> list[list[tuple[str, float]]]:
        network = self.load(model)
        found, scores = rank_items(
            network,
            catalogue_trie(completions, network.tokenizer),
            [question.text for question in questions],
            BeamOptions(beams),
            self.settings.batch_prompts,
        )
        return [
            [(completions[place], score) for place, score in zip(*row, strict=True) if place >= 0]
            for row in zip(found.tolist(), scores.tolist(), strict=True)
        ]

    def train(
        self,
        pairs: tuple[Sequence[Pair], Sequence[Pair]],
        model: LanguageModel,
        place: Place,
    ) -> list[dict[str, float]]:
        """Train what of a model asks for gradients; the history, see `STEP_HISTORY`.

        Args:
            pairs: to train on, and to validate with; none of these where there are none.
            model: on its device.
            place: names the seed and the folder of the checkpoint.
        """
        options = TrainingOptions(**{name: getattr(self.settings, name) for name in _OPTIONS})
        encoded = [EncodedPairs.of(part, model.tokenizer, model.context) for part in pairs]
        train, valid = encoded[0], encoded[1] if len(encoded[1]) else None
        logger.info("%d prompts, %d tokens", len(train), len(train.ids))
        return Training(model, options, place.state).fit(train, valid, place.seed)

    def write(
        self,
        place: Place,
        history: list[dict[str, float]],
        facts: dict[str, Any],
        save: Callable[[Path], None],
    ) -> None:
        """Write the folder of a fine-tuned model, and forget the checkpoint.

        Args:
            place: the folder.
            history: of the training.
            facts: what model.json tells besides provider and settings.
            save: writes the weights into a folder.
        """
        with atomic_folder(place.model) as folder:
            save(folder)
            write_table(pd.DataFrame(history), folder / "history.parquet", STEP_HISTORY)
            own = {
                "provider": self.settings.provider,
                "device": self.device,
                "steps": history[-1]["step"],
                "cost": None,
            }
            write_json(own | facts, folder / "model.json")
        shutil.rmtree(place.state, ignore_errors=True)


def pairs_of(files: TuningFiles) -> tuple[list[Pair], list[Pair]]:
    """Pairs to train on, and pairs to validate with."""
    training, validation = (
        [Pair(example.prompt.text, example.answer) for example in read_examples(path)]
        for path in (files.training, files.validation)
    )
    return training, validation


def _before(stop: str | None, text: str) -> str:
    return text.partition(stop)[0] if stop else text
