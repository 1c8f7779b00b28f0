"""What providers share whose models compute elsewhere, for money.

Light to import, since planning asks every provider what it needs: what trains and asks is loaded
when it is used.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from llmseqrec.config import PaidModelSettings, Services
from llmseqrec.errors import InputError
from llmseqrec.llm.prompts import Example, Prompt, Tokenize
from llmseqrec.llm.providers.base import LLMProvider, Place, Request, TuningFiles
from llmseqrec.llm.tuning_service import Content, Record, TuningService
from llmseqrec.services.access import Access
from llmseqrec.services.asking import Asking, CompletionService, Tariff
from llmseqrec.services.completions import Asker, Question, canonical
from llmseqrec.services.pool import Pace
from llmseqrec.services.tokens import estimated_tokens
from llmseqrec.uploads import Permission

if TYPE_CHECKING:
    from llmseqrec.llm.jobs import TuningJob

P = TypeVar("P", bound=PaidModelSettings)
_SEEDS = 1000  # requests of one prompt at most, each with a seed of its own
_LARGEST_SEED = 2**31


class PaidProvider(LLMProvider[P]):
    """Fine-tunes by a job of the service; answers are read from the cache, bought where missing.

    The state of a job lies under `services.jobs`, by its content, and not in the run's own folder:
    runs that differ in how they ask share one job, and no change of configuration that leaves its
    content alone loses it.
    """

    def __init__(
        self, settings: P, device: str = "cpu", permission: Permission | None = None
    ) -> None:
        super().__init__(settings, device, permission)
        self.access = Access(self.permission)
        self._asked: list[Question] = []

    @classmethod
    def unmet_need(cls, settings: P, services: Services | None = None) -> str | None:
        """Why the provider cannot work here, or None.

        Where the cache holds answers of the model or one made from it, nothing is needed at once:
        a job that finds one missing says so.
        """
        access, asker = Access(Permission(services=services or Services())), cls.asker_of(settings)
        if access.completions.count(asker):
            return None
        day = access.prices.retired(asker.provider, asker.base)
        if day is not None:
            return f"{asker.base} was retired on {day}, and the cache has no answers of it"
        return cls.missing_key(settings)

    @classmethod
    @abstractmethod
    def asker_of(cls, settings: P) -> Asker:
        """Who is asked; reaches for nothing."""

    @classmethod
    @abstractmethod
    def missing_key(cls, settings: P) -> str | None:
        """Which key the environment lacks, or None."""

    @abstractmethod
    def tuning(self, title: str) -> TuningService:
        """The service that fine-tunes; the title is for readers of its list of jobs."""

    @abstractmethod
    def service(self, model: str) -> CompletionService:
        """The service that asks one model."""

    @abstractmethod
    def tuning_line(self, example: Example) -> dict[str, Any]:
        """A prompt and its answer as the service wants them."""

    @abstractmethod
    def tuning_settings(self, seed: int) -> dict[str, Any]:
        """How is trained, as it is sent."""

    @abstractmethod
    def body(self, model: str, prompt: Prompt, request: Request) -> dict[str, Any]:
        """What one request for all its samples asks; the seed is its own."""

    @classmethod
    def check_key(cls, settings: P) -> None:
        """Stop a job that has something to send and nothing to be let in with.

        Raises:
            InputError: the environment lacks the key.
        """
        problem = cls.missing_key(settings)
        if problem:
            raise InputError(f"{cls.asker_of(settings).provider} {settings.model}: {problem}")

    def job(self, files: TuningFiles, seed: int, title: str = "") -> TuningJob:
        """The job of some training files, whatever became of it."""
        from llmseqrec.llm.jobs import TuningJob

        content = Content(
            self.tuning_settings(seed),
            self._lines(files.training),
            self._lines(files.validation) or None,  # services take no empty file
        )
        return TuningJob(self.tuning(title), self.access, content, self.settings.epochs)

    def finetune(self, files: TuningFiles, place: Place) -> None:
        """Write model.json, which names the fine-tuned model, and losses where there are any.

        Raises:
            InputError: there is nothing to train on, or the job cannot be done.
        """
        import pandas as pd

        from llmseqrec.contracts import STEP_HISTORY, atomic_folder, write_json, write_table

        job = self.job(files, place.seed, place.name)
        if not job.content.training:
            raise InputError(f"{files.training}: no prompts to train on")
        done = job.run()
        with atomic_folder(place.model) as folder:
            write_json(self._facts(job, done), folder / "model.json")
            if done.history:
                rows = pd.DataFrame(done.history)
                write_table(rows, folder / "history.parquet", STEP_HISTORY)

    def answers(
        self, model: Path | None, questions: Sequence[Prompt], request: Request
    ) -> list[list[str]]:
        name = self.settings.model if model is None else tuned_model(model)
        parts = [self.parts(name, prompt, request) for prompt in questions]
        wanted = [question for row in parts for question in row]
        if wanted:
            self.complete(self.asking(name), wanted)
        self._asked += wanted
        found = {
            one.key: answer.texts
            for one, answer in zip(wanted, self.access.completions.read(wanted), strict=True)
        }
        return [[text for one in row for text in found[one.key]] for row in parts]

    def complete(self, asking: Asking, questions: Sequence[Question]) -> None:
        """Bring the answers to questions into the cache.

        Raises:
            InputError: they cannot be bought.
        """
        asking.complete(questions)

    def asking(self, model: str) -> Asking:
        """How a model is asked, and at which price."""
        pace = Pace(self.settings.requests_a_minute)
        return Asking(self.service(model), self.access, self.tariff(model), pace)

    def tariff(self, model: str, batch: bool = False) -> Tariff:
        """Prices of the base model or of one made from it."""
        asker = self.asker_of(self.settings)
        price = self.access.prices.of(asker.provider, asker.base)
        return Tariff(*(price if model == asker.base else price.tuned).of(batch))

    def cost(self) -> dict[str, Any] | None:
        """What the answers so far cost when they were bought, by whichever job."""
        return asdict(self.access.completions.cost(self._asked))

    def count_tokens(self) -> Tokenize | None:
        """A cautious estimate: a token for three bytes."""
        return lambda text: range(estimated_tokens(text))

    def _lines(self, path: Path) -> bytes:
        from llmseqrec.llm.prompt_files import read_examples

        examples = read_examples(path)
        return b"".join(canonical(self.tuning_line(one)).encode() + b"\n" for one in examples)

    def parts(self, model: str, prompt: Prompt, request: Request) -> list[Question]:
        """As many requests as the samples of one prompt take.

        Where no seed is sent, the run's is in the number of a request, so that another seed is
        other answers all the same.
        """
        asker, most = self.asker_of(self.settings), self.settings.samples_a_request
        made = []
        for part, begin in enumerate(range(0, request.samples, most)):
            seed = (request.seed * _SEEDS + part) % _LARGEST_SEED
            own = Request(min(most, request.samples - begin), request.sampling, seed)
            number = part if self.settings.seeded else request.seed * _SEEDS + part
            made.append(Question(asker, canonical(self.body(model, prompt, own)), number))
        return made

    def _facts(self, job: TuningJob, done: Record) -> dict[str, Any]:
        return {
            "provider": job.service.provider,
            "base": job.service.base,
            "endpoint": job.service.endpoint,
            "trained": job.content.settings,
            "job": done.job,
            "model": done.model,
            "cost": {"requests": 1, "tokens": done.tokens, "usd": done.usd},
        }


def tuned_model(folder: Path) -> str:
    """The service's name of a fine-tuned model."""
    from llmseqrec.contracts import read_json

    return str(read_json(folder / "model.json")["model"])
