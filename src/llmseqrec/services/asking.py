"""Answers to questions: from the cache where they are there, else bought, each question once."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from llmseqrec.errors import InputError
from llmseqrec.services.access import Access
from llmseqrec.services.completions import Asker, Completion, CompletionCache, Question
from llmseqrec.services.ledger import Demand
from llmseqrec.services.payment import Spent, pay
from llmseqrec.services.pool import Effort, Pace, side_by_side
from llmseqrec.services.prices import usd
from llmseqrec.services.problems import ServiceError
from llmseqrec.services.shelf import Shelf
from llmseqrec.services.tokens import token_bound

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tariff:
    """USD for a million tokens of questions and of answers; None where it is unknown."""

    question: float | None
    answer: float | None

    def usd(self, question: float, answer: float) -> float | None:
        """The price of tokens, or None where it is unknown."""
        parts = usd(question, self.question), usd(answer, self.answer)
        return None if None in parts else sum(part for part in parts if part is not None)


class CompletionService(Protocol):
    """A paid language model that answers one request at a time, from several threads at once."""

    @property
    def asker(self) -> Asker:
        """Who is asked."""
        ...

    @property
    def model(self) -> str:
        """The model that answers."""
        ...

    def check_model(self) -> None:
        """Ask, at no cost, whether the model is still served.

        Raises:
            InputError: it is not, or the key is not accepted.
        """
        ...

    def most_answered(self, question: Question) -> int:
        """Tokens of all answers to a question at most."""
        ...

    def ask(self, question: Question) -> Completion:
        """Send one request, without trying again; its price is not known here.

        Raises:
            ServiceError: there is no usable answer.
        """
        ...


@dataclass(frozen=True)
class Asking:
    """Asks what the cache lacks.

    Attributes:
        service: who answers.
        access: cache, ledger, whose texts.
        tariff: prices.
        pace: requests a minute.
    """

    service: CompletionService
    access: Access
    tariff: Tariff
    pace: Pace

    @property
    def cache(self) -> CompletionCache:
        """Where answers go."""
        return self.access.completions

    def complete(self, questions: Sequence[Question]) -> None:
        """Bring the answers to all questions into the cache.

        What another process is asking is waited for. Every answer is committed when it comes.

        Raises:
            InputError: uploads are not allowed, money or quota is used up, the model is gone, or
                the service fails; told in one line.
        """
        missing = self.cache.missing(questions)
        if not missing:
            return
        self.access.permission.check_upload(self.service.asker.provider)
        self.service.check_model()
        cache = self.cache
        Shelf(self.service.model, cache.missing, cache.claim, cache.release).fill(
            missing, self._buy
        )

    def bound(self, question: Question) -> Spent:
        """What a question may cost at most: a token a byte, and answers as long as allowed."""
        asked, answered = token_bound(question.request), self.service.most_answered(question)
        return Spent(asked + answered, self.tariff.usd(asked, answered))

    def keep(self, question: Question, answer: Completion) -> Spent:
        """Commit an answer with its price."""
        spent = self.cost(answer)
        self.cache.add(question, dataclasses.replace(answer, usd=spent.usd))
        return spent

    def cost(self, answer: Completion) -> Spent:
        """What an answer did cost."""
        price = self.tariff.usd(answer.input_tokens, answer.output_tokens)
        return Spent(answer.input_tokens + answer.output_tokens, price)

    def _buy(self, questions: Sequence[Question]) -> None:
        services, model = self.access.services, self.service.model
        effort = Effort(services.concurrency, services.attempts, self.pace, self.cache.rows.touch)
        try:
            for done, _ in enumerate(side_by_side(questions, self._attempt, effort), start=1):
                if done % 100 == 0 or done == len(questions):
                    _LOG.info("%s: %d of %d questions", model, done, len(questions))
        except ServiceError as problem:
            where = f"{self.service.asker.provider} {model}"
            raise InputError(f"{where}: {problem}") from None

    def _attempt(self, question: Question) -> None:
        """Reserve, send, commit, settle."""
        bound = self.bound(question)

        def ask() -> tuple[Completion, Spent]:
            answer = self.service.ask(question)
            return answer, self.cost(answer)

        pay(
            self.access.ledger,
            Demand(self.service.asker.provider, self.service.model, bound.tokens, bound.usd),
            ask,
            partial(self.keep, question),
        )
