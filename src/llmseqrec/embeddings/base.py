"""What every provider of item vectors offers."""

import hashlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from llmseqrec.config import Embedding

FloatArray = NDArray[np.float32]


class EmbeddingProvider(Protocol):
    """Turns texts into vectors.

    The same text always gives the same vector, whatever stands beside it. An empty text gives a
    zero vector (study code: unnamed items).
    """

    def __init__(self, embedding: Embedding, device: str = "cpu") -> None: ...

    @classmethod
    def unmet_need(cls, embedding: Embedding) -> str | None:
        """Why the provider cannot work here, or None. Imports nothing heavy and loads nothing."""
        ...

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What decides the vectors besides the texts: provider, model, revision, weights."""
        ...

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Vectors of the texts, (n_texts, dim)."""
        ...


def embedding_facts(
    provider: EmbeddingProvider, texts: Sequence[str], vectors: FloatArray
) -> dict[str, Any]:
    """What is written beside the vectors: who made them, of which texts."""
    return {
        **provider.fingerprint,
        "items": len(texts),
        "dimensions": int(vectors.shape[1]),
        "empty_texts": sum(not text.strip() for text in texts),
        "distinct_texts": len(set(texts)),
        "texts_sha256": hashlib.sha256("\n".join(texts).encode()).hexdigest(),
    }
