"""Item vectors of OpenAI, or of a server that speaks as OpenAI does."""

from __future__ import annotations

import base64
import binascii
import logging
import os
from collections.abc import Callable, Sequence
from datetime import date
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from llmseqrec.config import Embedding, Services
from llmseqrec.embeddings.base import FloatArray
from llmseqrec.embeddings.paid import PaidEmbeddings
from llmseqrec.errors import InputError
from llmseqrec.services.answers import Answer
from llmseqrec.services.cache import Source
from llmseqrec.services.division import Limits
from llmseqrec.services.problems import ServiceError, wait_of, with_retries, worth_another_try
from llmseqrec.services.secrets import (
    key_from_environment,
    without_credentials,
    without_secrets,
)

KEY, ADDRESS = "OPENAI_API_KEY", "OPENAI_BASE_URL"
ENDPOINT = "https://api.openai.com/v1"
TEXTS, TOKENS, TEXT_TOKENS = 2048, 300_000, 8192  # of one request, as the client's docs have it
# Refused for good, though the status is that of a rate limit.
_FINAL_CODES = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
_LOG = logging.getLogger(__name__)
Result = TypeVar("Result")


class OpenAIEmbeddings(PaidEmbeddings):
    """Vectors exactly as the service gives them."""

    @classmethod
    def source_of(cls, embedding: Embedding) -> Source:
        """What decides the vectors besides the text."""
        return Source("openai", endpoint_of(embedding), embedding.model, None, embedding.dimensions)

    @classmethod
    def missing_key(cls, embedding: Embedding) -> str | None:
        """The key that OpenAI itself asks for; servers elsewhere may want none."""
        if key_from_environment(KEY) is None and endpoint_of(embedding) == ENDPOINT:
            return f"no {KEY}"
        return None

    def service(self) -> OpenAIService:
        """The client."""
        return OpenAIService(self.embedding, self.access.services)

    def complete(self, texts: Sequence[str]) -> None:
        """Bring the vectors of texts into the cache, by the Batch API where that is asked for.

        Raises:
            InputError: they cannot be bought.
        """
        if not self.embedding.batch:
            super().complete(texts)
            return
        from llmseqrec.embeddings.openai_batch import BatchPurchase

        BatchPurchase(self.service(), self.access, self.usd_per_million).complete(texts)


def endpoint_of(embedding: Embedding) -> str:
    """The address of the service: of the configuration, the environment, or OpenAI's own.

    Raises:
        InputError: it holds a user name or password.
    """
    found = embedding.base_url or key_from_environment(ADDRESS) or ENDPOINT
    return without_credentials(found, ADDRESS)


class OpenAIService:
    """One request at a time through the official client, whose own retries are off.

    Args:
        embedding: names the model.
        services: the time limit of a request.
    """

    def __init__(self, embedding: Embedding, services: Services) -> None:
        self.embedding = embedding
        self.services = services
        self.source = OpenAIEmbeddings.source_of(embedding)
        self.limits = Limits(min(embedding.batch_size, TEXTS), TOKENS, TEXT_TOKENS)

    @cached_property
    def client(self) -> Any:
        """The official client.

        Raises:
            InputError: there is no key.
        """
        OpenAIEmbeddings.check_key(self.embedding)
        from openai import OpenAI

        return OpenAI(
            api_key=key_from_environment(KEY) or "none",
            base_url=self.source.endpoint,
            max_retries=0,
            timeout=self.services.timeout,
        )

    def check_model(self) -> None:
        """Ask whether the model is still served.

        A server elsewhere that knows no such question is taken at its word.

        Raises:
            InputError: the model is retired or unknown, or the service turns us away.
        """
        model = self.source.model
        try:
            found = with_retries(
                lambda: self.call(lambda: self.client.models.retrieve(model)),
                self.services.attempts,
            )
        except _NotFoundError as problem:
            if self.source.endpoint != ENDPOINT and not problem.of_the_model:
                return
            raise InputError(f"openai: {model} is not served (any more): {problem}") from None
        except ServiceError as problem:
            raise InputError(f"openai {model}: {problem}") from None
        _check_shutdown(model, getattr(found, "shutdown_date", None))

    def request(self, texts: Sequence[str]) -> Answer:
        """Send one request.

        base64 is asked for: a third of the time of the client's default, and far less than that
        of decimal numbers; the bits are the same.

        Raises:
            ServiceError: there is no usable answer.
        """
        return answer_of(self.call(lambda: self.client.embeddings.create(**self.body(texts))))

    def body(self, texts: Sequence[str]) -> dict[str, Any]:
        """What one request asks for."""
        asked = {"dimensions": self.source.dimensions} if self.source.dimensions else {}
        return {
            "model": self.source.model,
            "input": list(texts),
            "encoding_format": "base64",
            **asked,
        }

    def call(self, ask: Callable[[], Result]) -> Result:
        """The result of a call of the client, its errors told without secrets.

        Raises:
            ServiceError: the call failed.
        """
        try:
            return ask()
        except InputError:
            raise
        except Exception as error:
            raise _problem(error) from None


class _NotFoundError(ServiceError):
    """A 404: of the model, or of the whole address."""

    of_the_model = False


def answer_of(response: Any) -> Answer:
    """The vectors of a response, which the client does not check.

    Args:
        response: object with `data` and `usage`, as the client or a batch's line gives it.

    Raises:
        ServiceError: it has another form.
    """
    try:
        indexes = [int(one.index) for one in response.data]
        vectors = [_decoded(one.embedding) for one in response.data]
        return Answer(indexes, vectors, float(response.usage.total_tokens))
    except (AttributeError, TypeError, ValueError) as error:
        raise ServiceError(
            f"unusable answer: {type(error).__name__}: {error}", billed=True
        ) from None


def _decoded(embedding: Any) -> FloatArray:
    """A vector that was sent as base64, or by a server that ignores the wish as numbers."""
    if isinstance(embedding, str):
        try:
            raw = base64.b64decode(embedding, validate=True)
        except binascii.Error as error:
            raise ValueError(f"embedding is no base64: {error}") from None
        return np.frombuffer(raw, dtype="<f4")
    return np.asarray(embedding, dtype=np.float32)


def _check_shutdown(model: str, day: str | None) -> None:
    """Refuse a model whose last day is over; warn of one that has one."""
    if not day:
        return
    if date.fromisoformat(day[:10]) <= date.today():
        raise InputError(f"openai: {model} was retired on {day[:10]}; name another model")
    _LOG.warning("%s will be retired on %s", model, day[:10])


def _problem(error: Exception) -> ServiceError:
    """An error of the client in one line, and whether to try again."""
    import openai

    text = without_secrets(f"{type(error).__name__}: {error}", [os.environ.get(KEY)])
    if isinstance(error, openai.APIStatusError):
        return _refusal(error, text)
    if isinstance(error, openai.APIConnectionError):
        return ServiceError(text, again=True, billed=True)
    if isinstance(error, ValueError):  # JSON that ends too early
        return ServiceError(f"unreadable answer: {text}", again=True, billed=True)
    return ServiceError(text, billed=True)


def _refusal(error: Any, text: str) -> ServiceError:
    """An answer with a status of 400 or more."""
    if error.status_code == 404:
        missing = _NotFoundError(text)
        missing.of_the_model = error.code == "model_not_found"
        return missing
    if error.status_code == 401:
        return ServiceError(f"{KEY} is not accepted: {text}")
    final = error.code in _FINAL_CODES or getattr(error, "type", None) in _FINAL_CODES
    again = worth_another_try(error.status_code) and not final
    return ServiceError(text, again, wait=wait_of(error.response.headers))
