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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

from filelock import FileLock

from llmseqrec.contracts import read_json, write_json
from llmseqrec.embeddings.openai import OpenAIService, answer_of
from llmseqrec.errors import InputError
from llmseqrec.services.access import Access
from llmseqrec.services.division import divide
from llmseqrec.services.ledger import BATCH, Demand
from llmseqrec.services.prices import usd
from llmseqrec.services.problems import ServiceError, with_retries
from llmseqrec.services.purchase import store
from llmseqrec.services.tokens import token_bound

ENDPOINT = "/v1/embeddings"
TEXTS = 50_000  # of one batch of embeddings
NAME = "llmseqrec"  # the key of a submission's name in its metadata
ENDED = {"completed", "failed", "expired", "cancelled"}
_LOG = logging.getLogger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Submission:
    """One batch, as its state file has it.

    Attributes:
        name: sent along, so that the service's copy can be found.
        requests: texts of each request, in the order of the lines of the file.
        state: `prepared`, then `submitting`, then `submitted`.
        batch: the service's name of it, once it is submitted.
    """

    name: str
    requests: list[list[str]]
    state: str = "prepared"
    batch: str | None = None

    @property
    def owner(self) -> str:
        """Who holds its money in the ledger."""
        return BATCH + self.name


@dataclass(frozen=True)
class BatchPurchase:
    """Buys what the cache lacks by batches; one job of a source at a time, the others wait.

    Attributes:
        service: the client.
        access: cache, ledger, whose texts.
        usd_per_million: price of tokens in a batch, None where it is unknown.
    """

    service: OpenAIService
    access: Access
    usd_per_million: float | None

    def complete(self, texts: Sequence[str]) -> None:
        """Bring the vectors of all texts into the cache; waits for the service, up to a day.

        Raises:
            InputError: uploads are not allowed, money is used up, the model is gone, or requests
                failed; what the others brought is kept.
        """
        cache, source = self.access.cache, self.service.source
        if not cache.missing(source, texts):
            return
        self.access.permission.check_upload(source.provider)
        self.service.check_model()
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / "lock"):
            try:
                self._finish(self._pending())
                mine = cache.claim(source, cache.missing(source, texts))
                self._finish([self._prepare(group) for group in self._groups(mine)])
            except ServiceError as problem:
                raise InputError(f"openai {source.model}: batch: {problem}") from None
            finally:
                cache.release()

    @property
    def _folder(self) -> Path:
        """Of the state files of one source."""
        digest = hashlib.sha256(self.service.source.canonical.encode()).hexdigest()
        return self.access.services.batches / digest[:16]

    def _path(self, submission: Submission) -> Path:
        return self._folder / f"{submission.name}.json"

    def _keep(self, submission: Submission) -> Submission:
        write_json(asdict(submission), self._path(submission))
        return submission

    def _pending(self) -> list[Submission]:
        """What a job that ended too early has left."""
        return [Submission(**read_json(path)) for path in sorted(self._folder.glob("*.json"))]

    def _groups(self, texts: Sequence[str]) -> Iterator[list[list[str]]]:
        """Requests that fit into one batch."""
        group: list[list[str]] = []
        for request in divide(texts, self.service.limits):
            if group and sum(map(len, group)) + len(request) > TEXTS:
                yield group
                group = []
            group.append(request)
        if group:
            yield group

    def _prepare(self, requests: list[list[str]]) -> Submission:
        return self._keep(Submission(uuid.uuid4().hex, requests))

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
        if submission.state == "prepared":
            self._reserve(submission)
            submission = self._keep(replace(submission, state="submitting"))
        batch = self._found_or_created(submission)
        _LOG.info("batch %s submitted", batch.id)
        return self._keep(replace(submission, state="submitted", batch=str(batch.id)))

    def _found_or_created(self, submission: Submission) -> Any:
        """The service's copy; a submission that was surely turned down is forgotten."""
        unsure = False

        def attempt() -> Any:
            nonlocal unsure
            try:
                return self.service.call(lambda: self._find(submission) or self._create(submission))
            except ServiceError as problem:
                unsure |= problem.billed
                raise

        try:
            return with_retries(attempt, self.access.services.attempts)
        except ServiceError:
            if not unsure:
                self._drop(submission)
            raise

    def _reserve(self, submission: Submission) -> None:
        ledger, source = self.access.ledger, self.service.source
        if ledger.entry_of(submission.owner) is not None:
            return
        bound = sum(token_bound(text) for request in submission.requests for text in request)
        price = usd(bound, self.usd_per_million)
        try:
            ledger.reserve(Demand(source.provider, source.model, bound, price), submission.owner)
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
        batches = self.service.client.batches.list(limit=100)
        named = (one for one in batches if (one.metadata or {}).get(NAME) == submission.name)
        return next(named, None)

    def _create(self, submission: Submission) -> Any:
        client = self.service.client
        lines = "\n".join(self._lines(submission))
        file = client.files.create(
            file=(f"{submission.name}.jsonl", lines.encode()), purpose="batch"
        )
        return client.batches.create(
            input_file_id=file.id,
            endpoint=ENDPOINT,
            completion_window="24h",
            metadata={NAME: submission.name},
        )

    def _lines(self, submission: Submission) -> Iterator[str]:
        for number, texts in enumerate(submission.requests):
            body = self.service.body(texts)
            line = {"custom_id": str(number), "method": "POST", "url": ENDPOINT, "body": body}
            yield json.dumps(line)

    def _collect(self, submission: Submission) -> str | None:
        """Wait for a batch, commit its vectors, settle; what failed in it, or None."""
        batch = self._wait(submission)
        answered, problems = set(), []
        tokens = 0.0
        for line in self._answers(batch):
            try:
                number = _number(line, submission)
                answer = answer_of(_body(line))
                tokens += answer.tokens
                texts = submission.requests[number]
                store(self.access, self.service.source, texts, answer, self.usd_per_million)
                answered.add(number)
            except ServiceError as problem:
                problems.append(str(problem))
        entry = self.access.ledger.entry_of(submission.owner)
        if entry is not None:
            self.access.ledger.settle(entry, tokens, usd(tokens, self.usd_per_million))
        self._path(submission).unlink()
        failed = len(submission.requests) - len(answered)
        why = [*problems, *_errors(batch), str(batch.status)]
        return (
            f"{failed} of {len(submission.requests)} requests failed: {why[0]}" if failed else None
        )

    def _wait(self, submission: Submission) -> Any:
        while True:
            batch = self._try(lambda: self.service.client.batches.retrieve(submission.batch))
            if batch.status in ENDED:
                return batch
            self.access.cache.touch()
            time.sleep(self.access.services.batch_poll)

    def _answers(self, batch: Any) -> Iterator[Any]:
        """Lines of the output and of the error file, in no certain order."""
        for file in (batch.output_file_id, batch.error_file_id):
            if file is not None:
                yield from self._lines_of(file)

    def _lines_of(self, file: str) -> list[Any]:
        """The lines of one file of the service, as objects."""

        def read() -> list[Any]:
            text = self.service.client.files.content(file).text
            return [_parsed(line) for line in text.splitlines() if line.strip()]

        return self._try(read)

    def _try(self, ask: Callable[[], Result]) -> Result:
        return with_retries(lambda: self.service.call(ask), self.access.services.attempts)


def _body(line: Any) -> Any:
    """The response of one line.

    Raises:
        ServiceError: the request failed.
    """
    response = getattr(line, "response", None)
    if response is not None and response.status_code == 200:
        return response.body
    error = getattr(line, "error", None) or getattr(getattr(response, "body", None), "error", None)
    raise ServiceError(getattr(error, "message", None) or "no answer")


def _parsed(line: str) -> Any:
    return json.loads(line, object_hook=lambda found: SimpleNamespace(**found))


def _number(line: Any, submission: Submission) -> int:
    """The request that a line of the output belongs to.

    Raises:
        ServiceError: there is no such request.
    """
    name = str(getattr(line, "custom_id", ""))
    if not name.isdecimal() or int(name) >= len(submission.requests):
        raise ServiceError(f"an answer to a request {name!r} that was not sent")
    return int(name)


def _errors(batch: Any) -> list[str]:
    """What the service says of a batch that it did not take."""
    found = getattr(batch.errors, "data", None) or []
    return [str(one.message) for one in found if one.message]
