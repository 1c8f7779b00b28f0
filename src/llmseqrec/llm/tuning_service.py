"""What a service that fine-tunes is to a job: files, jobs, and how they are found again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from llmseqrec.services.ledger import BATCH

PREFIX = "llmseqrec"  # of the names of files, and the key of a job's name


@dataclass(frozen=True)
class Content:
    """What a job is made of.

    Attributes:
        settings: of the training, as they are sent.
        training: lines of the service's own format.
        validation: the same, or None.
    """

    settings: dict[str, Any]
    training: bytes
    validation: bytes | None


@dataclass(frozen=True)
class View:
    """A job as the service tells of it.

    Attributes:
        job: the service's name of it.
        status: in one word.
        ended: whether it will not change any more.
        model: the fine-tuned model, once there is one.
        tokens: that were trained and are billed; None where it does not tell.
        reason: why it did not succeed.
    """

    job: str
    status: str
    ended: bool
    model: str | None = None
    tokens: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Record:
    """A job, as its state file has it.

    Attributes:
        name: made of the content.
        state: `prepared`, `uploading`, `submitting`, `submitted`, then `succeeded`.
        files: the service's names of what was uploaded.
        job: the service's name of the job.
        model: the fine-tuned model.
        tokens: that were trained; the bound on them where the service does not tell.
        usd: what the training did cost, None where the price is unknown.
        history: losses by step, where the service tells them.
    """

    name: str
    state: Literal["prepared", "uploading", "submitting", "submitted", "succeeded"] = "prepared"
    files: tuple[str, ...] = ()
    job: str | None = None
    model: str | None = None
    tokens: float | None = None
    usd: float | None = None
    history: tuple[dict[str, float | None], ...] = ()

    @property
    def owner(self) -> str:
        """Who holds its money in the ledger."""
        return f"{BATCH}tuning/{self.name}"


class TuningService(Protocol):
    """A service that fine-tunes; every method is one request or a few, without trying again."""

    @property
    def provider(self) -> str:
        """Its registered name."""
        ...

    @property
    def endpoint(self) -> str:
        """Its address."""
        ...

    @property
    def base(self) -> str:
        """The model that is fine-tuned."""
        ...

    def check_model(self) -> None:
        """Ask, at no cost, whether the base model is still served.

        Raises:
            InputError: it is not, or the key is not accepted.
        """
        ...

    def find_file(self, name: str) -> str | None:
        """The service's name of an uploaded file, or None."""
        ...

    def send_file(self, name: str, content: bytes) -> str:
        """Upload a file; the service's name of it."""
        ...

    def find_job(self, name: str) -> View | None:
        """A job that runs or has succeeded, or None."""
        ...

    def create_job(self, name: str, settings: dict[str, Any], files: list[str]) -> View:
        """Submit a job on a file to train with and, perhaps, one to validate with."""
        ...

    def look(self, job: str) -> View:
        """A job as it is now."""
        ...

    def news(self, job: str) -> list[tuple[str, str]]:
        """What happened to a job so far: name and text of each event, oldest first."""
        ...

    def history(self, job: str) -> list[dict[str, float]]:
        """Losses by step of a job that has succeeded, see `STEP_HISTORY`; none if it tells none."""
        ...
