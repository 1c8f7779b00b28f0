"""What a service that fine-tunes is to a job: files, jobs, and how they are found again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

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
