"""An affine map of item vectors: what every step of a reduction comes down to once it is fitted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseqrec.errors import InputError

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
Vectors = FloatArray | DoubleArray
_ROUNDING = 1e-7  # of the longest row: what is shorter is the rounding error of a zero row


@dataclass(frozen=True)
class Affine:
    """(vector - mean) @ matrix + shift, then each row divided by its L2 norm where `normalise`.

    Attributes:
        mean: (dim,) what is subtracted.
        matrix: (dim, reduced_dim); double precision, since whitening magnifies rounding errors.
        normalise: whether rows are divided by their norms (study code: yes for LLMSeqSim).
        report: what was fitted on what, and what it did to the vectors.
        shift: (reduced_dim,) what is added, or None.
    """

    mean: DoubleArray
    matrix: DoubleArray
    normalise: bool = True
    report: Mapping[str, Any] = field(default_factory=dict)
    shift: DoubleArray | None = None

    def apply(self, vectors: DoubleArray) -> DoubleArray:
        """Mapped vectors in double precision, (n, reduced_dim)."""
        mapped = (vectors - self.mean) @ self.matrix
        if self.shift is not None:
            mapped += self.shift
        return unit_rows(mapped) if self.normalise else mapped

    def transform(self, vectors: Vectors) -> FloatArray:
        """Mapped vectors, (n, reduced_dim).

        Raises:
            InputError: a vector is not finite or of another dimension than the fitted ones.
        """
        doubles = checked(vectors)
        check_width(doubles, len(self.mean))
        return self.apply(doubles).astype(np.float32)


def check_width(vectors: DoubleArray, width: int) -> None:
    """Raise InputError where vectors have another dimension than those that were fitted."""
    if vectors.shape[1] != width:
        raise InputError(
            f"item vectors have {vectors.shape[1]} dimensions, the reduction was fitted on "
            f"{width}; rebuild it"
        )


def checked(vectors: Vectors) -> DoubleArray:
    """The vectors in double precision.

    Raises:
        InputError: naming the first row that holds nan or infinity.
    """
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise InputError(f"item vectors: row {bad[0]} holds nan or infinity; embed the items again")
    return vectors.astype(np.float64)


def unit_rows(vectors: DoubleArray) -> DoubleArray:
    """Rows divided by their L2 norms; rows that are zero, but for rounding, become zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    kept = norms > _ROUNDING * norms.max(initial=0.0)
    unit: DoubleArray = np.divide(vectors, norms, out=np.zeros_like(vectors), where=kept)
    return unit
