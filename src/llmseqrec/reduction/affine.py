"""An affine map of item vectors: what every step of a reduction comes down to once it is fitted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseqrec.errors import InputError

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
Vectors = FloatArray | DoubleArray
BLOCK_ROWS = 1 << 14  # at once: of many rows there is one copy in double precision at most
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

    def apply(self, vectors: Vectors) -> DoubleArray:
        """Mapped vectors, (n, reduced_dim), computed in double precision whatever they come in."""
        mapped = np.empty((len(vectors), self.matrix.shape[1]))
        for rows in row_blocks(len(vectors)):
            np.matmul(vectors[rows] - self.mean, self.matrix, out=mapped[rows])
        if self.shift is not None:
            mapped += self.shift
        return unit_rows(mapped) if self.normalise else mapped

    def transform(self, vectors: Vectors) -> FloatArray:
        """Mapped vectors, (n, reduced_dim).

        Raises:
            InputError: a vector is not finite or of another dimension than the fitted ones.
        """
        check_finite(vectors)
        check_width(vectors, len(self.mean))
        return self.apply(vectors).astype(np.float32)


def row_blocks(count: int) -> Iterator[slice]:
    """Consecutive ranges of rows that are worked on at once."""
    for start in range(0, count, BLOCK_ROWS):
        yield slice(start, start + BLOCK_ROWS)


def check_width(vectors: Vectors, width: int) -> None:
    """Raise InputError where vectors have another dimension than those that were fitted."""
    if vectors.shape[1] != width:
        raise InputError(
            f"item vectors have {vectors.shape[1]} dimensions, the reduction was fitted on "
            f"{width}; rebuild it"
        )


def checked(vectors: Vectors) -> DoubleArray:
    """The vectors in double precision: the same array if they are; it must not be written to.

    Raises:
        InputError: naming the first row that holds nan or infinity.
    """
    check_finite(vectors)
    return vectors.astype(np.float64, copy=False)


def check_finite(vectors: Vectors) -> None:
    """Raise InputError naming the first row that holds nan or infinity."""
    for rows in row_blocks(len(vectors)):
        bad = np.flatnonzero(~np.isfinite(vectors[rows]).all(axis=1))
        if len(bad):
            row = rows.start + bad[0]
            raise InputError(
                f"item vectors: row {row} holds nan or infinity; embed the items again"
            )


def unit_rows(vectors: DoubleArray) -> DoubleArray:
    """Rows divided by their L2 norms; rows that are zero, but for rounding, become zero."""
    unit = np.zeros_like(vectors)
    for rows, block in unit_blocks(vectors):
        unit[rows] = block
    return unit


def unit_blocks(vectors: DoubleArray) -> Iterator[tuple[slice, DoubleArray]]:
    """`unit_rows` by blocks, with where they stand."""
    norms = np.empty((len(vectors), 1))
    for rows in row_blocks(len(vectors)):
        norms[rows] = np.linalg.norm(vectors[rows], axis=1, keepdims=True)
    kept = norms > _ROUNDING * norms.max(initial=0.0)
    for rows in row_blocks(len(vectors)):
        block = vectors[rows]
        unit = np.divide(block, norms[rows], out=np.zeros_like(block), where=kept[rows])
        yield rows, unit
