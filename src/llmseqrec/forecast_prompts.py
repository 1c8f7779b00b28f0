"""What prompted runs will ask of paid language models, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmseqrec.config import Config, Experiment
from llmseqrec.llm.prompt_files import read_examples, read_prompts
from llmseqrec.llm.providers.base import Request, TuningFiles
from llmseqrec.llm.providers.expectation import (
    NOTHING,
    Expected,
    expected_answers,
    expected_training,
)
from llmseqrec.llm.providers.paid import PaidProvider, tuned_model
from llmseqrec.registry import LLM_PROVIDERS, UPLOADING, load
from llmseqrec.services.prices import price_text
from llmseqrec.services.tokens import estimated_tokens
from llmseqrec.uploads import Permission, upload_problem

TUNED_ON = ("training", "validation")  # prompts of fine-tuning; all others are questions


@dataclass(frozen=True)
class PromptNeed:
    """What one step of a run will ask of a service.

    Attributes:
        title: run, dataset and step.
        service: provider and model.
        endpoint: where texts go.
        problem: why nothing will be sent, or None.
        expected: what is still to be bought; None where the prompts are not built yet.
    """

    title: str
    service: str
    endpoint: str
    problem: str | None
    expected: Expected | None

    @property
    def known(self) -> bool:
        """Whether its price is."""
        return self.expected is not None and self.expected.usd is not None

    @property
    def usd(self) -> float | None:
        """The price, None where it is unknown."""
        return self.expected.usd if self.expected else None

    @property
    def sample(self) -> str:
        """One of the texts."""
        return self.expected.sample if self.expected else ""

    @property
    def amount(self) -> str:
        """How much is to be bought, at which price."""
        if self.expected is None:
            return "unknown, the prompts are not built yet"
        amount = f"{self.expected.tokens:,} tokens, {self.expected.requests:,} requests"
        return f"{amount}, {price_text(self.usd)}"


def prompt_needs(config: Config, results: Path) -> list[PromptNeed]:
    """What every run by a paid language model will ask for, training first.

    Args:
        config: the configuration.
        results: the folder of results, where prompts may be built already.

    Raises:
        InputError: a file of prompts is broken.
    """
    seen: set[Path] = set()
    return [
        need
        for experiment in config.chosen
        for run in _with_sources(config, experiment.runs)
        if config.runs[run].prompted and config.language_model_of(run).provider in UPLOADING
        for need in _Asked.of(config, experiment, run, results, seen).needs()
    ]


def _with_sources(config: Config, runs: Iterable[str]) -> list[str]:
    """Runs and those they cannot do without, these first."""
    found: dict[str, None] = {}
    for run in runs:
        found |= dict.fromkeys([*_with_sources(config, config.runs[run].sources), run])
    return list(found)


@dataclass(frozen=True)
class _Asked:
    """One prompted run of one dataset and split.

    Attributes:
        folder: of the split's results.
        seen: state files of jobs that were counted; runs may share one.
    """

    config: Config
    dataset: str
    run: str
    folder: Path
    provider: PaidProvider[Any]
    seen: set[Path] = field(default_factory=set)

    @classmethod
    def of(
        cls, config: Config, experiment: Experiment, run: str, results: Path, seen: set[Path]
    ) -> _Asked:
        settings = config.language_model_of(run)
        permission = Permission.of(config, experiment.dataset)
        provider = load(LLM_PROVIDERS[settings.provider])(settings, permission=permission)
        folder = results / experiment.dataset / experiment.split
        return cls(config, experiment.dataset, run, folder, provider, seen)

    def needs(self) -> Iterator[PromptNeed]:
        if self.config.runs[self.run].tuned:
            yield self._need("training", self._training())
        yield self._need("answers", self._answers())

    def _need(self, step: str, expected: list[Expected]) -> PromptNeed:
        asker = self.provider.asker_of(self.provider.settings)
        allowed = self.config.datasets[self.dataset].allow_upload
        problem = upload_problem(self.dataset, asker.provider, allowed)
        return PromptNeed(
            f"{self.run} of {self.dataset}, {step}",
            f"{asker.provider} {asker.base}",
            asker.endpoint,
            problem or self.provider.unmet_need(self.provider.settings, self.config.services),
            _together(expected) if expected else None,
        )

    def _seeds(self) -> list[Path]:
        """Folders of the seeds of all parts, as far as prompts are built there."""
        return sorted(path.parent for path in self.folder.glob(f"*/{self.run}/seed*/prompts"))

    def _training(self) -> list[Expected]:
        found = []
        for seed in self._seeds():
            files = TuningFiles(*(seed / "prompts" / f"{name}.jsonl" for name in TUNED_ON))
            if not (files.training.is_file() and files.validation.is_file()):
                continue
            number = int(seed.name.removeprefix("seed"))
            path = self.provider.job(files, number).path
            counted = path in self.seen
            self.seen.add(path)
            found.append(NOTHING if counted else expected_training(self.provider, files, number))
        return found

    def _answers(self) -> list[Expected]:
        parameters: Any = self.config.runs[self.run].checked_parameters
        found = []
        for seed in self._seeds():
            model, length = self._model(seed), self._answer_tokens(seed)
            number = int(seed.name.removeprefix("seed"))
            request = Request(getattr(parameters, "samples", 1), parameters.sampling, number)
            for path in sorted((seed / "prompts").glob("*.jsonl")):
                if path.stem not in TUNED_ON:
                    asked = [line.prompt for line in read_prompts(path)]
                    found.append(expected_answers(self.provider, model, asked, request, length))
        return found

    def _owner(self, seed: Path) -> Path:
        """The folder of the run that fine-tunes the model which is asked."""
        return seed.parents[1] / (self.config.runs[self.run].finetuned_by or self.run) / seed.name

    def _model(self, seed: Path) -> str | None:
        """Who is asked; None where it is not fine-tuned yet."""
        if not self.config.runs[self.run].finetune:
            return str(self.provider.settings.model)
        folder = self._owner(seed) / "language_model"
        return tuned_model(folder) if (folder / "model.json").is_file() else None

    def _answer_tokens(self, seed: Path) -> float:
        """Of an answer: as long as those that are trained, or as is allowed at most."""
        path = self._owner(seed) / "prompts" / "training.jsonl"
        if path.is_file():
            lengths = [estimated_tokens(example.answer) for example in read_examples(path)]
            return sum(lengths) / max(1, len(lengths))
        parameters: Any = self.config.runs[self.run].checked_parameters
        return float(parameters.sampling.max_tokens)


def _together(parts: list[Expected]) -> Expected:
    prices = [part.usd for part in parts if part.usd is not None]
    return Expected(
        sum(part.requests for part in parts),
        sum(part.tokens for part in parts),
        sum(prices) if len(prices) == len(parts) else None,
        next((part.sample for part in parts if part.sample), ""),
    )
