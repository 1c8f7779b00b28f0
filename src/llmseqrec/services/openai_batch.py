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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from llmseqrec.contracts import read_json, write_json
from llmseqrec.errors import InputError
from llmseqrec.services.access import Access
from llmseqrec.services.batch_buyer import Buyer
from llmseqrec.services.batch_lines import (
    Submission,
    UnreadableError,
    body_of,
    errors_of,
    number_of,
    parsed,
)
from llmseqrec.services.ledger import Demand
from llmseqrec.services.once import PAID_STATE, Once
from llmseqrec.services.openai_client import OpenAIClient
from llmseqrec.services.payment import Spent, total
from llmseqrec.services.problems import ServiceError
from llmseqrec.storage import make_folder, reading

NAME = "llmseqrec"  # the key of a submission's name in its metadata
ENDED = {"completed", "failed", "expired", "cancelled"}
_LOG = logging.getLogger(__name__)


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
        make_folder(self._folder)
        return FileLock(self._folder / "lock")

    def take_up(self) -> None:
        """Finish what a process that ended too early has left.

        Raises:
            ServiceError: requests failed; what the others brought is kept.
        """
        self._finish([_submission(path) for path in sorted(self._folder.glob("*.json"))])

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
        submitted: list[Submission] = []
        problems = [*_problems_of(lambda one: submitted.append(self._submit(one)), submissions)]
        problems += _problems_of(self._collect, submitted)
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

    def _collect(self, submission: Submission) -> None:
        """Wait for a batch, commit its answers, settle.

        Raises:
            ServiceError: the batch cannot be had, so that it is kept; or requests of it failed.
        """
        batch, requests = self._wait(submission), submission.requests
        spent: dict[int, Spent] = {}
        taken: set[int] = set()
        problems = []
        for line in self._answers(batch):
            try:
                answer = parsed(line)
                number, body = number_of(answer, submission), body_of(answer)
                spent[number] = self._paid_for(requests[number], body)
                self.buyer.take(requests[number], body)
                taken.add(number)
            except ServiceError as problem:
                problems.append(str(problem))
        entry, paid = self.access.ledger.entry_of(submission.owner), total(list(spent.values()))
        if entry is not None:
            self.access.ledger.settle(entry, paid.tokens, paid.usd)
        self._path(submission).unlink()
        failed = len(requests) - len(taken)
        if failed:
            why = [*problems, *errors_of(batch), str(batch.status)]
            raise ServiceError(f"{failed} of {len(requests)} requests failed: {why[0]}")

    def _paid_for(self, request: Any, body: Any) -> Spent:
        """What an answer did cost; where it does not tell, what it may have cost at most."""
        try:
            return self.buyer.cost(body)
        except ServiceError:
            return self.buyer.bound(request)

    def _wait(self, submission: Submission) -> Any:
        while True:
            batch = self.client.tried(
                lambda: self.client.library.batches.retrieve(submission.batch)
            )
            if batch.status in ENDED:
                return batch
            self.buyer.touch()
            time.sleep(self.access.services.batch_poll)

    def _answers(self, batch: Any) -> Iterator[str]:
        """Lines of the output and of the error file, in no certain order."""
        for file in (batch.output_file_id, batch.error_file_id):
            if file is not None:
                yield from self._lines_of(file)

    def _lines_of(self, file: str) -> list[str]:
        """The lines of one file of the service, which is read again where one is no JSON."""
        lines: list[str] = []

        def read() -> None:
            text = self.client.library.files.content(file).text
            # Answers may hold characters that `splitlines` takes for ends of lines.
            lines[:] = [line for line in text.split("\n") if line.strip()]
            for line in lines:
                parsed(line)

        with suppress(UnreadableError):  # for good: the other lines are taken all the same
            self.client.tried(read)
        return lines


def _submission(path: Path) -> Submission:
    """What is noted of a batch at the service.

    Raises:
        FileError: the note is damaged.
    """
    remedy = f"look for {path.stem} at the service, {PAID_STATE}"
    content = read_json(path, remedy)
    with reading(path, remedy=remedy):
        return Submission(**content)


def _problems_of(
    step: Callable[[Submission], object], submissions: Iterable[Submission]
) -> Iterator[str]:
    """Take a step with each submission; a failure of one does not keep the others from theirs."""
    for submission in submissions:
        try:
            step(submission)
        except ServiceError as problem:
            yield str(problem)
