"""One batch of OpenAI's Batch API: what was asked, as its state file has it, and what came back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from llmseqrec.services.ledger import BATCH
from llmseqrec.services.problems import ServiceError


@dataclass(frozen=True)
class Submission:
    """One batch, as its state file has it.

    Attributes:
        name: sent along, so that the service's copy can be found.
        requests: as the buyer knows them, in the order of the lines of the file.
        state: `prepared`, then `submitting`, then `submitted`.
        batch: the service's name of it, once it is submitted.
    """

    name: str
    requests: list[Any]
    state: str = "prepared"
    batch: str | None = None

    @property
    def owner(self) -> str:
        """Who holds its money in the ledger."""
        return BATCH + self.name


def body_of(line: Any) -> Any:
    """The response of one line.

    Raises:
        ServiceError: the request failed.
    """
    response = getattr(line, "response", None)
    if getattr(response, "status_code", None) == 200:
        return getattr(response, "body", None)
    error = getattr(line, "error", None) or getattr(getattr(response, "body", None), "error", None)
    raise ServiceError(getattr(error, "message", None) or "no answer")


class UnreadableError(ServiceError):
    """A line that is no JSON; most likely a file that came too short."""


def parsed(line: str) -> Any:
    """A line as an object, with attributes for keys.

    Raises:
        UnreadableError: it is no JSON.
    """
    try:
        return json.loads(line, object_hook=lambda found: SimpleNamespace(**found))
    except ValueError as error:
        raise UnreadableError(f"unreadable answer: {error}", again=True) from None


def number_of(line: Any, submission: Submission) -> int:
    """The request that a line of the output belongs to.

    Raises:
        ServiceError: there is no such request.
    """
    name = str(getattr(line, "custom_id", ""))
    if not name.isdecimal() or int(name) >= len(submission.requests):
        raise ServiceError(f"an answer to a request {name!r} that was not sent")
    return int(name)


def errors_of(batch: Any) -> list[str]:
    """What the service says of a batch that it did not take."""
    found = getattr(batch.errors, "data", None) or []
    return [str(one.message) for one in found if one.message]
