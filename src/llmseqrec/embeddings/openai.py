"""Item vectors of OpenAI, or of a server that speaks as OpenAI does."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from llmseqrec.config import Embedding, Services
from llmseqrec.embeddings.base import FloatArray
from llmseqrec.embeddings.paid import PaidEmbeddings
from llmseqrec.services.answers import Answer
from llmseqrec.services.cache import Source
from llmseqrec.services.division import Limits
from llmseqrec.services.openai_client import OpenAIClient, endpoint_of, missing_key
from llmseqrec.services.problems import ServiceError

TEXTS, TOKENS, TEXT_TOKENS = 2048, 300_000, 8192  # of one request, as the client's docs have it


class OpenAIEmbeddings(PaidEmbeddings):
    """Vectors exactly as the service gives them."""

    @classmethod
    def source_of(cls, embedding: Embedding) -> Source:
        """What decides the vectors besides the text."""
        endpoint = endpoint_of(embedding.base_url)
        return Source("openai", endpoint, embedding.model, None, embedding.dimensions)

    @classmethod
    def missing_key(cls, embedding: Embedding) -> str | None:
        """The key that OpenAI itself asks for; servers elsewhere may want none."""
        return missing_key(endpoint_of(embedding.base_url))

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
    def client(self) -> OpenAIClient:
        """The client of the address.

        Raises:
            InputError: there is no key.
        """
        OpenAIEmbeddings.check_key(self.embedding)
        return OpenAIClient(self.source.endpoint, self.services)

    def check_model(self) -> None:
        """Ask whether the model is still served.

        Raises:
            InputError: the model is retired or unknown, or the service turns us away.
        """
        self.client.check_model(self.source.model)

    def request(self, texts: Sequence[str]) -> Answer:
        """Send one request.

        base64 is asked for: a third of the time of the client's default, and far less than that
        of decimal numbers; the bits are the same.

        Raises:
            ServiceError: there is no usable answer.
        """
        create = self.client.library.embeddings.create
        return answer_of(self.client.call(lambda: create(**self.body(texts))))

    def body(self, texts: Sequence[str]) -> dict[str, Any]:
        """What one request asks for."""
        asked = {"dimensions": self.source.dimensions} if self.source.dimensions else {}
        return {
            "model": self.source.model,
            "input": list(texts),
            "encoding_format": "base64",
            **asked,
        }


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
    except (AttributeError, TypeError, ValueError) as error:
        raise _unusable(error) from None
    return Answer(indexes, vectors, tokens_of(response))


def tokens_of(response: Any) -> float:
    """What a response counts, whatever else it holds.

    Raises:
        ServiceError: it does not tell.
    """
    try:
        return float(response.usage.total_tokens)
    except (AttributeError, TypeError, ValueError) as error:
        raise _unusable(error) from None


def _unusable(error: Exception) -> ServiceError:
    return ServiceError(f"unusable answer: {type(error).__name__}: {error}", billed=True)


def _decoded(embedding: Any) -> FloatArray:
    """A vector that was sent as base64, or by a server that ignores the wish as numbers."""
    if isinstance(embedding, str):
        try:
            raw = base64.b64decode(embedding, validate=True)
        except binascii.Error as error:
            raise ValueError(f"embedding is no base64: {error}") from None
        return np.frombuffer(raw, dtype="<f4")
    return np.asarray(embedding, dtype=np.float32)
