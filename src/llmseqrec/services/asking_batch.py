"""Answers of language models by OpenAI's Batch API."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from llmseqrec.errors import InputError
from llmseqrec.services.asking import Asking
from llmseqrec.services.completions import Completion, Question, canonical
from llmseqrec.services.openai_batch import Batches
from llmseqrec.services.openai_client import OpenAIClient
from llmseqrec.services.payment import Spent
from llmseqrec.services.problems import ServiceError
from llmseqrec.services.shelf import Shelf

REQUESTS, BYTES = 50_000, 150_000_000  # of one batch; the service takes 200 MB


@dataclass(frozen=True)
class BatchAsking:
    """Asks what the cache lacks by batches; one job of the same questions at a time.

    Attributes:
        asking: cache, ledger, prices.
        questions: all that are to be answered.
        client: of the service.
        read: the answers to a question in the service's response, which it checks.
        tokens: of question and answers, as a response counts them, whatever else it holds.
    """

    asking: Asking
    questions: Sequence[Question]
    client: OpenAIClient
    read: Callable[[Question, Any], Completion]
    tokens: Callable[[Any], tuple[float, float]]

    @property
    def url(self) -> str:
        """The path of the requests."""
        return self.asking.service.asker.path

    @property
    def model(self) -> str:
        """Who answers."""
        return self.asking.service.model

    @property
    def identity(self) -> str:
        """What tells its batches from those of others, which go on beside them."""
        keys = sorted({question.key for question in self.questions})
        digest = hashlib.sha256(b"".join(keys)).hexdigest()
        return canonical(["answers", self.client.endpoint, self.model, digest])

    def complete(self) -> None:
        """Bring the answers to all questions into the cache; waits for the service, up to a day.

        Raises:
            InputError: uploads are not allowed, money is used up, the model is gone, or requests
                failed; what the others brought is kept.
        """
        cache = self.asking.cache
        if not cache.missing(self.questions):
            return
        self.asking.access.permission.check_upload("openai")
        self.asking.service.check_model()
        batches = Batches(self.client, self.asking.access, self)
        shelf = Shelf(self.model, cache.missing, cache.claim, cache.release)
        with batches.lock():
            try:
                batches.take_up()
                shelf.fill(cache.missing(self.questions), lambda mine: batches.buy(_groups(mine)))
            except ServiceError as problem:
                raise InputError(f"openai {self.model}: batch: {problem}") from None

    def body(self, request: list[Any]) -> dict[str, Any]:
        """What a request asks for."""
        found: dict[str, Any] = self._question(request).body
        return found

    def bound(self, request: list[Any]) -> Spent:
        """What a request may cost at most."""
        return self.asking.bound(self._question(request))

    def cost(self, body: Any) -> Spent:
        """What the answers to a request did cost.

        Raises:
            ServiceError: they do not tell.
        """
        return self.asking.cost(Completion((), *self.tokens(body)))

    def take(self, request: list[Any], body: Any) -> None:
        """Commit the answers to a request.

        Raises:
            ServiceError: they are unusable.
        """
        question = self._question(request)
        self.asking.keep(question, self.read(question, body))

    def touch(self) -> None:
        """Keep the claims."""
        self.asking.cache.rows.touch()

    def _question(self, request: list[Any]) -> Question:
        return Question(self.asking.service.asker, *request)


def _groups(questions: Sequence[Question]) -> Iterator[list[list[Any]]]:
    """Requests that fit into one batch, as its state file has them."""
    group: list[list[Any]] = []
    size = 0
    for question in questions:
        if group and (len(group) == REQUESTS or size + len(question.request) > BYTES):
            yield group
            group, size = [], 0
        group.append([question.request, question.part])
        size += len(question.request)
    if group:
        yield group
