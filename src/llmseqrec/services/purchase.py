"""Vectors of texts: from the cache where they are there, else bought, each text once."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from llmseqrec.errors import InputError
from llmseqrec.services.access import Access
from llmseqrec.services.answers import Answer, checked_vectors
from llmseqrec.services.cache import Paid, Source
from llmseqrec.services.division import Limits, divide
from llmseqrec.services.ledger import Demand
from llmseqrec.services.prices import usd
from llmseqrec.services.problems import ServiceError, with_retries
from llmseqrec.services.tokens import token_bound

_LOG = logging.getLogger(__name__)
_POLL = 0.2  # seconds between looks while another process buys what is missing


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
        try:
            while missing:
                mine = cache.claim(source, missing)
                if mine:
                    self._buy(mine)
                else:
                    _LOG.info("%s: another job is buying %d texts", source.model, len(missing))
                    self._await_others(missing)
                missing = cache.missing(source, missing)
        finally:
            cache.release()

    def _await_others(self, texts: Sequence[str]) -> None:
        """Return when the first of the texts is bought, or nobody's; one text is a short look."""
        cache, source, first = self.access.cache, self.service.source, texts[:1]
        while cache.missing(source, first) and not cache.claim(source, first):
            time.sleep(_POLL)

    def _buy(self, texts: Sequence[str]) -> None:
        """Send requests side by side; after a problem those in flight are awaited, no others."""
        requests = list(divide(texts, self.service.limits))
        stopped = Event()
        with ThreadPoolExecutor(self.access.services.concurrency) as pool:
            pending = [pool.submit(self._buy_request, request, stopped) for request in requests]
            try:
                self._await(pending, len(texts))
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _await(self, pending: Sequence[Future[int]], texts: int) -> None:
        done = 0
        for future in as_completed(pending):
            try:
                done += future.result()
            except ServiceError as problem:
                where = f"{self.service.source.provider} {self.service.source.model}"
                raise InputError(f"{where}: {problem}") from None
            _LOG.info("%s: %d of %d texts", self.service.source.model, done, texts)

    def _buy_request(self, texts: Sequence[str], stopped: Event) -> int:
        """One request, tried again where that may help; the number of texts.

        Nothing is sent once another request has failed for good.
        """
        tries = 0

        def attempt() -> None:
            nonlocal tries
            tries += 1
            if tries > 1:
                self.access.cache.touch()
            if not stopped.is_set():
                self._attempt(texts)

        try:
            with_retries(attempt, self.access.services.attempts)
        except BaseException:
            stopped.set()
            raise
        return len(texts)

    def _attempt(self, texts: Sequence[str]) -> None:
        """Reserve, send, commit, settle."""
        ledger, source = self.access.ledger, self.service.source
        bound = sum(map(token_bound, texts))
        entry = ledger.reserve(
            Demand(source.provider, source.model, bound, usd(bound, self.usd_per_million))
        )
        try:
            answer = self.service.request(texts)
        except BaseException as problem:
            # Only a refusal is sure not to be billed.
            billed = not isinstance(problem, ServiceError) or problem.billed
            (ledger.lose if billed else ledger.release)(entry)
            raise
        try:
            store(self.access, source, texts, answer, self.usd_per_million)
        finally:
            ledger.settle(entry, answer.tokens, usd(answer.tokens, self.usd_per_million))


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
