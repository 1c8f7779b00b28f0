"""Vectors of texts: from the cache where they are there, else bought, each text once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from llmseqrec.errors import InputError
from llmseqrec.services.access import Access
from llmseqrec.services.answers import Answer, checked_vectors
from llmseqrec.services.cache import Paid, Source
from llmseqrec.services.division import Limits, divide
from llmseqrec.services.ledger import Demand
from llmseqrec.services.payment import Spent, pay
from llmseqrec.services.pool import Effort, Pace, side_by_side
from llmseqrec.services.prices import usd
from llmseqrec.services.problems import ServiceError
from llmseqrec.services.shelf import Shelf
from llmseqrec.services.tokens import token_bound

_LOG = logging.getLogger(__name__)


class EmbeddingService(Protocol):
    """A paid service that answers one request at a time, from several threads at once."""

    @property
    def source(self) -> Source:
        """What decides its vectors."""
        ...

    @property
    def limits(self) -> Limits:
        """What a request may hold."""
        ...

    def check_model(self) -> None:
        """Ask, at no cost, whether the model is still served.

        Raises:
            InputError: it is not, or the key is not accepted.
        """
        ...

    def request(self, texts: Sequence[str]) -> Answer:
        """Send one request, without trying again.

        Raises:
            ServiceError: there is no answer.
        """
        ...


@dataclass(frozen=True)
class Purchase:
    """Buys what the cache lacks.

    Attributes:
        service: who sells.
        access: cache, ledger, whose texts.
        usd_per_million: price of tokens, None where it is unknown.
    """

    service: EmbeddingService
    access: Access
    usd_per_million: float | None

    def complete(self, texts: Iterable[str]) -> None:
        """Bring the vectors of all texts into the cache.

        What another process is buying is waited for. Every request is committed when it is
        answered, so that whatever happens, at most those in flight are lost.

        Raises:
            InputError: uploads are not allowed, money or quota is used up, the model is gone, or
                the service fails; told in one line.
        """
        cache, source = self.access.cache, self.service.source
        missing = cache.missing(source, texts)
        if not missing:
            return
        self.access.permission.check_upload(source.provider)
        self.service.check_model()
        lacking, mine = partial(cache.missing, source), partial(cache.claim, source)
        shelf = Shelf(source.model, lacking, mine, cache.release)
        shelf.fill(missing, self._buy)

    def _buy(self, texts: Sequence[str]) -> None:
        """Send requests side by side."""
        requests, services = list(divide(texts, self.service.limits)), self.access.services
        cache, source, done = self.access.cache, self.service.source, 0
        effort = Effort(services.concurrency, services.attempts, Pace(), cache.touch)
        try:
            for request in side_by_side(requests, self._attempt, effort):
                done += len(request)
                _LOG.info("%s: %d of %d texts", source.model, done, len(texts))
        except ServiceError as problem:
            raise InputError(f"{source.provider} {source.model}: {problem}") from None

    def _attempt(self, texts: Sequence[str]) -> None:
        """Reserve, send, commit, settle."""
        source, price = self.service.source, self.usd_per_million
        bound = sum(map(token_bound, texts))

        def ask() -> tuple[Answer, Spent]:
            answer = self.service.request(texts)
            return answer, Spent(answer.tokens, usd(answer.tokens, price))

        pay(
            self.access.ledger,
            Demand(source.provider, source.model, bound, usd(bound, price)),
            ask,
            lambda answer: store(self.access, source, texts, answer, price),
        )


def store(
    access: Access,
    source: Source,
    texts: Sequence[str],
    answer: Answer,
    usd_per_million: float | None,
) -> None:
    """Check an answer and commit its vectors, each with its share of the tokens by length.

    Raises:
        ServiceError: the answer is unusable.
    """
    expected = source.dimensions or access.cache.width(source)
    vectors = checked_vectors(answer, len(texts), expected)
    bounds = [token_bound(text) for text in texts]
    a_byte = answer.tokens / sum(bounds)
    bought = {
        text: Paid(vector, bound * a_byte, usd(bound * a_byte, usd_per_million))
        for text, vector, bound in zip(texts, vectors, bounds, strict=True)
    }
    access.cache.add(source, bought)
