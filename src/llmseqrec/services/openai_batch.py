"""OpenAI's Batch API: half the price, an answer within a day.

A submission is written down before it is made and after every step, so that a job that was killed
takes it up where it was. A submission whose fate is unknown is looked for by its name among those
the service has, before it is made again; so none is paid twice.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock

from llmseqrec.contracts import read_json, write_json
from llmseqrec.errors import InputError
from llmseqrec.services.access import Access
from llmseqrec.services.batch_lines import Submission, body_of, errors_of, number_of, parsed
from llmseqrec.services.ledger import Demand
from llmseqrec.services.once import Once
from llmseqrec.services.openai_client import OpenAIClient
from llmseqrec.services.payment import Spent, total
from llmseqrec.services.problems import ServiceError

NAME = "llmseqrec"  # the key of a submission's name in its metadata
ENDED = {"completed", "failed", "expired", "cancelled"}
_LOG = logging.getLogger(__name__)


class Buyer(Protocol):
    """What is bought: knows its requests, which are JSON, and what becomes of their answers."""

    @property
    def url(self) -> str:
        """The path of the requests, such as /v1/embeddings."""
        ...

    @property
    def model(self) -> str:
        """Who answers."""
        ...

    @property
    def identity(self) -> str:
        """What tells its batches from those of others."""
        ...

    def body(self, request: Any) -> dict[str, Any]:
        """What a request asks for."""
        ...

    def bound(self, request: Any) -> Spent:
        """What a request may cost at most."""
        ...

    def take(self, request: Any, body: Any) -> Spent:
        """Check and commit the answer to a request, an object; what it cost.

        Raises:
            ServiceError: the answer is unusable.
        """
        ...

    def touch(self) -> None:
        """Give a sign of life while the service works."""
        ...


@dataclass(frozen=True)
class Batches:
    """The batches of one buyer; one process at a time may have them, which `lock` sees to.

    Attributes:
        client: of the service.
        access: ledger and folders.
        buyer: what is bought.
    """

    client: OpenAIClient
    access: Access
    buyer: Buyer

    def lock(self) -> FileLock:
        """To be held while batches are taken up and bought."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return FileLock(self._folder / "lock")

    def take_up(self) -> None:
        """Finish what a process that ended too early has left.

        Raises:
            ServiceError: requests failed; what the others brought is kept.
        """
        self._finish(
            [Submission(**read_json(path)) for path in sorted(self._folder.glob("*.json"))]
        )

    def buy(self, groups: Iterable[Sequence[Any]]) -> None:
        """Submit one batch a group of requests, and wait for all, up to a day.

        Raises:
            InputError: the money is used up.
            ServiceError: requests failed; what the others brought is kept.
        """
        named = [Submission(uuid.uuid4().hex, list(group)) for group in groups]
        self._finish([self._keep(submission) for submission in named])

    @property
    def _folder(self) -> Path:
        """Of the state files of one buyer."""
        digest = hashlib.sha256(self.buyer.identity.encode()).hexdigest()
        return self.access.services.batches / digest[:16]

    def _path(self, submission: Submission) -> Path:
        return self._folder / f"{submission.name}.json"

    def _keep(self, submission: Submission) -> Submission:
        write_json(asdict(submission), self._path(submission))
        return submission

    def _finish(self, submissions: Sequence[Submission]) -> None:
        """Submit all, then wait for each; a failure of one does not lose the others."""
        submitted = [self._submit(submission) for submission in submissions]
        problems = [problem for one in submitted if (problem := self._collect(one))]
        if problems:
            raise ServiceError(f"{problems[0]}; what is missing is sent when this is run again")

    def _submit(self, submission: Submission) -> Submission:
        """Reserve the money, upload the file, submit it; each step once."""
        if submission.state == "submitted":
            return submission
        unsure = submission.state == "submitting"  # written by a process that ended there
        if submission.state == "prepared":
            self._reserve(submission)
            submission = self._keep(replace(submission, state="submitting"))
        batch = self._found_or_created(submission, unsure)
        _LOG.info("batch %s submitted", batch.id)
        return self._keep(replace(submission, state="submitted", batch=str(batch.id)))

    def _found_or_created(self, submission: Submission, unsure: bool) -> Any:
        """The service's copy; a submission that was surely turned down is forgotten."""
        call = self.client.call
        once = Once[Any](
            find=lambda: call(lambda: self._find(submission)),
            make=lambda: call(lambda: self._create(submission)),
            unsure=unsure,
        )
        try:
            return once.get(self.access.services.attempts)
        except ServiceError:
            if not once.unsure:
                self._drop(submission)
            raise

    def _reserve(self, submission: Submission) -> None:
        ledger = self.access.ledger
        if ledger.entry_of(submission.owner) is not None:
            return
        bound = total([self.buyer.bound(request) for request in submission.requests])
        demand = Demand("openai", self.buyer.model, bound.tokens, bound.usd)
        try:
            ledger.reserve(demand, submission.owner)
        except InputError:
            self._path(submission).unlink()
            raise

    def _drop(self, submission: Submission) -> None:
        """Forget a submission that the service turned down."""
        entry = self.access.ledger.entry_of(submission.owner)
        if entry is not None:
            self.access.ledger.release(entry)
        self._path(submission).unlink()

    def _find(self, submission: Submission) -> Any:
        """The service's copy of a submission, or None."""
        batches = self.client.library.batches.list(limit=100)
        named = (one for one in batches if (one.metadata or {}).get(NAME) == submission.name)
        return next(named, None)

    def _create(self, submission: Submission) -> Any:
        client = self.client.library
        lines = "\n".join(self._lines(submission))
        file = client.files.create(
            file=(f"{submission.name}.jsonl", lines.encode()), purpose="batch"
        )
        return client.batches.create(
            input_file_id=file.id,
            endpoint=self.buyer.url,
            completion_window="24h",
            metadata={NAME: submission.name},
        )

    def _lines(self, submission: Submission) -> Iterator[str]:
        for number, request in enumerate(submission.requests):
            body, url = self.buyer.body(request), self.buyer.url
            line = {"custom_id": str(number), "method": "POST", "url": url, "body": body}
            yield json.dumps(line)

    def _collect(self, submission: Submission) -> str | None:
        """Wait for a batch, commit its answers, settle; what failed in it, or None."""
        batch = self._wait(submission)
        spent: dict[int, Spent] = {}
        problems = []
        for line in self._answers(batch):
            try:
                number = number_of(line, submission)
                spent[number] = self.buyer.take(submission.requests[number], body_of(line))
            except ServiceError as problem:
                problems.append(str(problem))
        entry, paid = self.access.ledger.entry_of(submission.owner), total(list(spent.values()))
        if entry is not None:
            self.access.ledger.settle(entry, paid.tokens, paid.usd)
        self._path(submission).unlink()
        failed = len(submission.requests) - len(spent)
        why = [*problems, *errors_of(batch), str(batch.status)]
        return (
            f"{failed} of {len(submission.requests)} requests failed: {why[0]}" if failed else None
        )

    def _wait(self, submission: Submission) -> Any:
        while True:
            batch = self.client.tried(
                lambda: self.client.library.batches.retrieve(submission.batch)
            )
            if batch.status in ENDED:
                return batch
            self.buyer.touch()
            time.sleep(self.access.services.batch_poll)

    def _answers(self, batch: Any) -> Iterator[Any]:
        """Lines of the output and of the error file, in no certain order."""
        for file in (batch.output_file_id, batch.error_file_id):
            if file is not None:
                yield from self._lines_of(file)

    def _lines_of(self, file: str) -> list[Any]:
        """The lines of one file of the service, as objects."""

        def read() -> list[Any]:
            text = self.client.library.files.content(file).text
            return [parsed(line) for line in text.splitlines() if line.strip()]

        return self.client.tried(read)
