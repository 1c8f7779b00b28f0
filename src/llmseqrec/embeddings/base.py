"""What every provider of item vectors offers."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from llmseqrec.config import Embedding, Services
from llmseqrec.uploads import Permission

FloatArray = NDArray[np.float32]


class EmbeddingProvider(Protocol):
    """Turns texts into vectors.

    The same text always gives the same vector, whatever stands beside it. An empty text gives a
    zero vector (study code: unnamed items).
    """

    def __init__(
        self, embedding: Embedding, device: str = "cpu", permission: Permission | None = None
    ) -> None: ...

    @classmethod
    def unmet_need(cls, embedding: Embedding, services: Services | None = None) -> str | None:
        """Why the provider cannot work here, or None. Imports nothing heavy and loads nothing."""
        ...

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What decides the vectors besides the texts: provider, model, revision, weights."""
        ...

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Vectors of the texts, (n_texts, dim)."""
        ...

    def cost(self, texts: Sequence[str]) -> dict[str, Any]:
        """Texts, tokens and USD that the vectors of the texts cost; empty where nothing."""
        ...
