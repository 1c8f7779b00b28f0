"""Fine-tuning jobs of OpenAI."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from llmseqrec.llm.tuning_service import PREFIX, View
from llmseqrec.services.openai_client import ENDPOINT, NotFoundError, OpenAIClient

_ENDED = {"succeeded", "failed", "cancelled"}
_LOST_FILES = {"error", "deleted"}
Result = TypeVar("Result")


@dataclass(frozen=True)
class OpenAITuning:
    """Files and jobs, found again by file name and metadata.

    Attributes:
        endpoint: the address.
        base: the model that is fine-tuned.
        title: for readers of the service's list of jobs.
        connect: gives the client; checks the key.
    """

    endpoint: str
    base: str
    title: str
    connect: Callable[[], OpenAIClient]
    provider = "openai"

    def check_model(self) -> None:
        """Ask whether the base model is still served.

        Raises:
            InputError: it is retired or unknown, or the service turns us away.
        """
        self.connect().check_model(self.base)

    def find_file(self, name: str) -> str | None:
        """The service's name of an uploaded file, or None."""

        def find(library: Any) -> str | None:
            files = library.files.list(purpose="fine-tune")
            found = (one for one in files if one.filename == name and one.status not in _LOST_FILES)
            return next((str(one.id) for one in found), None)

        return self._call(find)

    def send_file(self, name: str, content: bytes) -> str:
        """Upload a file; the service's name of it."""
        return self._call(
            lambda library: str(library.files.create(file=(name, content), purpose="fine-tune").id)
        )

    def find_job(self, name: str) -> View | None:
        """The latest job that runs, or whose model is still there, or None."""

        def find(library: Any) -> View | None:
            jobs = library.fine_tuning.jobs.list(metadata={PREFIX: name})
            # A server that knows no such filter lists all of them.
            named = (_view(job) for job in jobs if (job.metadata or {}).get(PREFIX) == name)
            return next((view for view in named if self._lives(view)), None)

        return self._call(find)

    def create_job(self, name: str, settings: dict[str, Any], files: list[str]) -> View:
        """Submit a job on a file to train with and, perhaps, one to validate with."""
        given = dict(zip(("training_file", "validation_file"), files, strict=False))

        def create(library: Any) -> View:
            job = library.fine_tuning.jobs.create(
                model=self.base,
                metadata={PREFIX: name, "title": self.title},
                suffix=PREFIX,
                **given,
                **settings,
            )
            return _view(job)

        return self._call(create)

    def look(self, job: str) -> View:
        """A job as it is now."""
        return self._call(lambda library: _view(library.fine_tuning.jobs.retrieve(job)))

    def news(self, job: str) -> list[tuple[str, str]]:
        """The latest events, oldest first."""

        def read(library: Any) -> list[tuple[str, str]]:
            events = library.fine_tuning.jobs.list_events(job, limit=50).data
            return [(str(one.id), str(one.message)) for one in reversed(events)]

        return self._call(read)

    def history(self, job: str) -> list[dict[str, float]]:
        """Losses of the checkpoints, in the order of their steps."""

        def read(library: Any) -> list[dict[str, float]]:
            listed = library.fine_tuning.jobs.checkpoints.list(job)
            found = {int(one.step_number): one.metrics for one in listed}
            return [{"step": step, **_losses(found[step])} for step in sorted(found)]

        return self._call(read)

    def _lives(self, view: View) -> bool:
        """Whether a job is under way, or has made a model that was not deleted since."""
        if view.ended and view.model is None:
            return False
        if view.model is None:
            return True
        try:
            self._call(lambda library: library.models.retrieve(view.model))
        except NotFoundError as problem:
            # A server elsewhere may know no such question; then the job is taken at its word.
            return self.endpoint != ENDPOINT and not problem.of_the_model
        return True

    def _call(self, ask: Callable[[Any], Result]) -> Result:
        client = self.connect()
        return client.call(lambda: ask(client.library))


def _view(job: Any) -> View:
    """A job as we see it; the library does not check what it was sent."""
    status, error = str(job.status), getattr(job, "error", None)
    reason = getattr(error, "message", None) or ""
    tokens = getattr(job, "trained_tokens", None)
    model = job.fine_tuned_model if status == "succeeded" else None
    return View(str(job.id), status, status in _ENDED, model, tokens, reason)


def _losses(metrics: Any) -> dict[str, float]:
    """Of training and of validation, over all of its prompts where that was done."""
    kinds = {"loss": ("train_loss",), "validation": ("full_valid_loss", "valid_loss")}
    found = {
        name: [value for key in keys if (value := getattr(metrics, key, None)) is not None]
        for name, keys in kinds.items()
    }
    return {name: float(values[0]) if values else math.nan for name, values in found.items()}
