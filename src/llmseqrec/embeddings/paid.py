"""What providers that charge for vectors have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from llmseqrec.config import Embedding, Services
from llmseqrec.embeddings.base import FloatArray
from llmseqrec.errors import InputError
from llmseqrec.services.access import Access
from llmseqrec.services.cache import Source
from llmseqrec.services.purchase import EmbeddingService, Purchase
from llmseqrec.uploads import Permission


class PaidEmbeddings(ABC):
    """Vectors of a service: read from the cache, bought where they are missing.

    An empty text is never sent; it has a zero vector.

    Args:
        embedding: names the model.
        device: not used; the service computes.
        permission: which texts may be sent, for how much; without it none may.
    """

    def __init__(
        self, embedding: Embedding, device: str = "cpu", permission: Permission | None = None
    ) -> None:
        self.embedding = embedding
        self.access = Access(permission or Permission())

    @classmethod
    def unmet_need(cls, embedding: Embedding, services: Services | None = None) -> str | None:
        """Why the provider cannot work here, or None.

        Where the cache holds vectors of the model, nothing is needed at once: a job that finds
        one missing says so.
        """
        access = Access(Permission(services=services or Services()))
        source = cls.source_of(embedding)
        if access.cache.count(source):
            return None
        day = access.prices.retired(source.provider, source.model)
        if day is not None:
            return f"{source.model} was retired on {day}, and the cache has no vectors of it"
        return cls.missing_key(embedding)

    @classmethod
    @abstractmethod
    def source_of(cls, embedding: Embedding) -> Source:
        """What decides the vectors besides the text; reaches for nothing."""

    @classmethod
    @abstractmethod
    def missing_key(cls, embedding: Embedding) -> str | None:
        """Which key the environment lacks, or None."""

    @classmethod
    def check_key(cls, embedding: Embedding) -> None:
        """Stop a job that has texts to buy and nothing to be let in with.

        Raises:
            InputError: the environment lacks the key.
        """
        problem = cls.missing_key(embedding)
        if problem:
            source = cls.source_of(embedding)
            raise InputError(
                f"{source.provider} {source.model}: texts are not in the cache, and {problem}"
            )

    @abstractmethod
    def service(self) -> EmbeddingService:
        """The client."""

    @property
    def source(self) -> Source:
        """What decides the vectors besides the text."""
        return self.source_of(self.embedding)

    @property
    def usd_per_million(self) -> float | None:
        """Price of tokens, None where it is unknown."""
        found = self.source
        return self.access.prices.usd_per_million(found.provider, found.model, self.embedding.batch)

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What decides the vectors besides the texts."""
        return asdict(self.source)

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Vectors of the texts, (n_texts, dim); zero where a text is empty.

        Raises:
            InputError: vectors are missing and cannot be bought; told in one line.
        """
        filled = [row for row, text in enumerate(texts) if text.strip()]
        wanted = [texts[row] for row in filled]
        if wanted:
            self.complete(wanted)
        width = self.access.cache.width(self.source) or self.source.dimensions or 0
        vectors = np.zeros((len(texts), width), dtype=np.float32)
        if wanted:
            vectors[filled] = self.access.cache.read(self.source, wanted)
        return vectors

    def complete(self, texts: Sequence[str]) -> None:
        """Bring the vectors of texts into the cache.

        Raises:
            InputError: they cannot be bought.
        """
        Purchase(self.service(), self.access, self.usd_per_million).complete(texts)

    def cost(self, texts: Sequence[str]) -> dict[str, Any]:
        """What the vectors of the texts cost when they were bought, by whichever job."""
        return asdict(self.access.cache.cost(self.source, {t for t in texts if t.strip()}))
