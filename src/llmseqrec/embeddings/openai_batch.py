"""Item vectors by OpenAI's Batch API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from llmseqrec.embeddings.openai import OpenAIService, answer_of, tokens_of
from llmseqrec.errors import InputError
from llmseqrec.services.access import Access
from llmseqrec.services.division import divide
from llmseqrec.services.openai_batch import Batches
from llmseqrec.services.payment import Spent
from llmseqrec.services.prices import usd
from llmseqrec.services.problems import ServiceError
from llmseqrec.services.purchase import store
from llmseqrec.services.shelf import Shelf
from llmseqrec.services.tokens import token_bound

TEXTS = 50_000  # of one batch of embeddings


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
    url = "/v1/embeddings"

    @property
    def model(self) -> str:
        """Who answers."""
        return self.service.source.model

    @property
    def identity(self) -> str:
        """What tells its batches from those of others."""
        return self.service.source.canonical

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
        batches = Batches(self.service.client, self.access, self)
        lacking, mine = partial(cache.missing, source), partial(cache.claim, source)
        shelf = Shelf(source.model, lacking, mine, cache.release)
        with batches.lock():
            try:
                batches.take_up()
                shelf.fill(lacking(texts), lambda found: batches.buy(self._groups(found)))
            except ServiceError as problem:
                raise InputError(f"openai {source.model}: batch: {problem}") from None

    def body(self, request: list[str]) -> dict[str, Any]:
        """What a request asks for."""
        return self.service.body(request)

    def bound(self, request: list[str]) -> Spent:
        """A token for every byte."""
        tokens = sum(map(token_bound, request))
        return Spent(tokens, usd(tokens, self.usd_per_million))

    def cost(self, body: Any) -> Spent:
        """What an answer did cost.

        Raises:
            ServiceError: it does not tell.
        """
        tokens = tokens_of(body)
        return Spent(tokens, usd(tokens, self.usd_per_million))

    def take(self, request: list[str], body: Any) -> None:
        """Commit the vectors of a request.

        Raises:
            ServiceError: the answer is unusable.
        """
        store(self.access, self.service.source, request, answer_of(body), self.usd_per_million)

    def touch(self) -> None:
        """Keep the claims."""
        self.access.cache.touch()

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
