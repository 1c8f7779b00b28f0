"""Item vectors without a language model: the words of a text, hashed into columns.

The control of every embedding: what remains of a gain when texts that share words are merely said
to be alike. Source: Weinberger et al., "Feature hashing for large scale multitask learning", ICML
2009, by scikit-learn's `HashingVectorizer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from llmseqrec.config import Embedding, Services
from llmseqrec.embeddings.base import FloatArray
from llmseqrec.uploads import Permission

COLUMNS = 1024  # unless the configuration says `dimensions`


class HashedWords:
    """Unit vectors of word counts; upper and lower case are the same word.

    Nothing is learned, so words that all texts have count as much as rare ones; whitening evens
    that out. Words that share a column are added, never subtracted, so no text is cancelled out.

    Args:
        embedding: `dimensions` is the number of columns.
        device: not used.
        permission: not used; nothing is sent anywhere.
    """

    def __init__(
        self, embedding: Embedding, device: str = "cpu", permission: Permission | None = None
    ) -> None:
        self.embedding = embedding

    @property
    def columns(self) -> int:
        """Width of the vectors."""
        return self.embedding.dimensions or COLUMNS

    @classmethod
    def unmet_need(cls, embedding: Embedding, services: Services | None = None) -> str | None:
        """Nothing is needed."""
        return None

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What decides the vectors besides the texts."""
        return {
            "provider": self.embedding.provider,
            "model": self.embedding.model,
            "columns": self.columns,
            "versions": {"scikit-learn": version("scikit-learn")},
        }

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Vectors of the texts, (n_texts, dim); zero where a text is empty."""
        from sklearn.feature_extraction.text import HashingVectorizer

        if not texts:
            return np.zeros((0, self.columns), dtype=np.float32)
        vectorizer = HashingVectorizer(
            n_features=self.columns,
            token_pattern=r"\w+|[^\w\s]+",
            alternate_sign=False,
            dtype=np.float32,
        )
        vectors: FloatArray = vectorizer.transform(texts).toarray()
        return vectors

    def cost(self, texts: Sequence[str]) -> dict[str, Any]:
        """Nothing is paid for."""
        return {}
