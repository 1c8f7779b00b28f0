"""What a service answered, and whether it is what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llmseqrec.services.cache import FloatArray
from llmseqrec.services.problems import ServiceError


@dataclass(frozen=True)
class Answer:
    """Vectors as a service sent them; nothing is checked yet.

    Attributes:
        indexes: which text of the request each vector belongs to.
        vectors: as many arrays (dim,).
        tokens: of the whole request.
    """

    indexes: Sequence[int]
    vectors: Sequence[FloatArray]
    tokens: float


def checked_vectors(answer: Answer, texts: int, dimensions: int | None) -> FloatArray:
    """The vectors in the order of the texts, (texts, dim).

    Args:
        answer: of the service.
        texts: number of texts that were sent.
        dimensions: expected width, or None.

    Raises:
        ServiceError: count, indexes, width or values are wrong; asking again would cost again.
    """
    if len(answer.vectors) != texts:
        _refuse(f"{len(answer.vectors)} vectors for {texts} texts")
    if sorted(answer.indexes) != list(range(texts)):
        _refuse(f"indexes are not 0 to {texts - 1}, each once")
    widths = {vector.shape for vector in answer.vectors}
    if len(widths) != 1 or (dimensions is not None and widths != {(dimensions,)}):
        found = sorted(shape[0] if len(shape) == 1 else shape for shape in widths)
        _refuse(f"vectors of {found} dimensions, {dimensions or 'one width'} expected")
    vectors = np.empty((texts, answer.vectors[0].shape[0]), dtype=np.float32)
    vectors[list(answer.indexes)] = answer.vectors
    if not np.isfinite(vectors).all():
        _refuse("a vector holds NaN or infinity")
    if not vectors.any(axis=1).all():
        _refuse("a vector is zero")
    return vectors


def _refuse(what: str) -> None:
    raise ServiceError(f"unusable answer: {what}", billed=True)
