"""What prompted runs will ask of paid language models, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from llmseqrec.config import Config
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
_Parts: TypeAlias = dict[str, set[str]]  # a part to the prompts that are asked there


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
        for run, parts in _wanted(config).items()
        if config.language_model_of(run.name).provider in UPLOADING
        for need in _Asked.of(config, run, parts, results, seen).needs()
    ]


class _Run(NamedTuple):
    """A run of one dataset and split."""

    dataset: str
    split: str
    name: str


def _wanted(config: Config) -> dict[_Run, _Parts]:
    """What prompted runs will be asked, those first that others cannot do without.

    As the rules have it, whatever lies in the folder of results: each run once, though several
    experiments name it.
    """
    found: dict[_Run, _Parts] = {}
    for experiment in config.chosen:
        for part, name in product(experiment.parts, experiment.runs):
            prompts = {"test" if part == "full" else "valid"}
            _want(config, found, _Run(experiment.dataset, experiment.split, name), part, prompts)
    return found


def _want(
    config: Config, found: dict[_Run, _Parts], run: _Run, part: str, prompts: set[str]
) -> None:
    """Add what a run is asked, and before it what it takes from others."""
    settings = config.runs[run.name]
    lists = getattr(settings.checked_parameters, "named_run", None)
    if lists:  # lists are made for questions, and for the prompts that are trained on
        theirs = prompts | ({"train"} if settings.tuned else set())
        _want(config, found, run._replace(name=lists), part, theirs)
    if settings.finetuned_by:  # which is trained for it, and need not be asked
        _want(config, found, run._replace(name=settings.finetuned_by), part, set())
    if settings.prompted:
        found.setdefault(run, {}).setdefault(part, set()).update(prompts)


@dataclass(frozen=True)
class _Asked:
    """One prompted run of one dataset and split.

    Attributes:
        parts: what it is asked.
        folder: of the split's results.
        seen: state files of jobs that were counted; runs may share one.
    """

    config: Config
    dataset: str
    run: str
    parts: _Parts
    folder: Path
    provider: PaidProvider[Any]
    seen: set[Path] = field(default_factory=set)

    @classmethod
    def of(cls, config: Config, run: _Run, parts: _Parts, results: Path, seen: set[Path]) -> _Asked:
        settings = config.language_model_of(run.name)
        permission = Permission.of(config, run.dataset)
        provider = load(LLM_PROVIDERS[settings.provider])(settings, permission=permission)
        folder = results / run.dataset / run.split
        return cls(config, run.dataset, run.name, parts, folder, provider, seen)

    def needs(self) -> Iterator[PromptNeed]:
        if self.config.runs[self.run].tuned:
            yield self._need("training", self._training())
        if any(self.parts.values()):
            yield self._need("answers", self._answers())

    def _need(self, step: str, expected: list[Expected] | None) -> PromptNeed:
        asker = self.provider.asker_of(self.provider.settings)
        allowed = self.config.datasets[self.dataset].allow_upload
        problem = upload_problem(self.dataset, asker.provider, allowed)
        return PromptNeed(
            f"{self.run} of {self.dataset}, {step}",
            f"{asker.provider} {asker.base}",
            asker.endpoint,
            problem or self.provider.unmet_need(self.provider.settings, self.config.services),
            None if expected is None else _together(expected),
        )

    def _seeds(self) -> Iterator[tuple[Path, int, set[str]]]:
        """Folder, seed and questions of every seed of every part."""
        for (part, prompts), seed in product(self.parts.items(), self.config.seeds):
            yield self.folder / part / self.run / f"seed{seed}", seed, prompts

    def _training(self) -> list[Expected] | None:
        """Of every seed of every part; None where prompts of one are not built yet."""
        found = []
        for folder, number, _ in self._seeds():
            files = TuningFiles(*(folder / "prompts" / f"{name}.jsonl" for name in TUNED_ON))
            if not (files.training.is_file() and files.validation.is_file()):
                return None
            path = self.provider.job(files, number).path
            counted = path in self.seen
            self.seen.add(path)
            found.append(NOTHING if counted else expected_training(self.provider, files, number))
        return found

    def _answers(self) -> list[Expected] | None:
        """Of every seed of every part; None where prompts of one are not built yet."""
        parameters: Any = self.config.runs[self.run].checked_parameters
        found = []
        for folder, number, prompts in self._seeds():
            model, length = self._model(folder), self._answer_tokens(folder)
            request = Request(getattr(parameters, "samples", 1), parameters.sampling, number)
            for path in (folder / "prompts" / f"{name}.jsonl" for name in sorted(prompts)):
                if not path.is_file():
                    return None
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
