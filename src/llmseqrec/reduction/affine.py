"""An affine map of item vectors: what every linear reduction comes down to once it is fitted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseqrec.contracts import atomic_path
from llmseqrec.errors import InputError

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
_ROUNDING = 1e-7  # of the longest row: what is shorter is the rounding error of a zero row


@dataclass(frozen=True)
class Affine:
    """(vector - mean) @ matrix, then each row divided by its L2 norm where `normalise` is set.

    Attributes:
        mean: (dim,) what is subtracted.
        matrix: (dim, reduced_dim); double precision, since whitening magnifies rounding errors.
        normalise: whether rows are divided by their norms (study code: yes for LLMSeqSim).
        report: what was fitted on what, and what it did to the vectors.
    """

    mean: DoubleArray
    matrix: DoubleArray
    normalise: bool = True
    report: Mapping[str, Any] = field(default_factory=dict)

    def transform(self, vectors: FloatArray) -> FloatArray:
        """Reduced vectors, (n, reduced_dim).

        Raises:
            InputError: a vector is not finite or of another dimension than the fitted ones.
        """
        doubles = checked(vectors)
        if doubles.shape[1] != len(self.mean):
            raise InputError(
                f"item vectors have {doubles.shape[1]} dimensions, the reduction was fitted on "
                f"{len(self.mean)}; rebuild it"
            )
        reduced = (doubles - self.mean) @ self.matrix
        return (unit_rows(reduced) if self.normalise else reduced).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write one safetensors file; equal maps give equal bytes."""
        from safetensors.numpy import save_file

        # One key of metadata only: the library writes several in an arbitrary order.
        facts = json.dumps(
            {"normalise": self.normalise, "report": dict(self.report)}, sort_keys=True
        )
        arrays = {"mean": self.mean, "matrix": np.ascontiguousarray(self.matrix)}
        with atomic_path(path) as temporary:
            save_file(arrays, temporary, metadata={"affine": facts})

    @classmethod
    def load(cls, path: Path) -> "Affine":
        """Read what `save` wrote."""
        from safetensors import safe_open

        with safe_open(path, framework="numpy") as stored:
            facts = json.loads(stored.metadata()["affine"])
            mean, matrix = stored.get_tensor("mean"), stored.get_tensor("matrix")
        return cls(mean, matrix, facts["normalise"], facts["report"])


def checked(vectors: FloatArray) -> DoubleArray:
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


def mean_cosine(vectors: DoubleArray) -> float:
    """Mean cosine over all pairs of distinct non-zero rows; 0 where there is no pair."""
    unit = unit_rows(vectors)
    filled = int((np.abs(unit).sum(axis=1) > 0).sum())
    total = float(np.square(unit.sum(axis=0)).sum())
    return (total - filled) / (filled * (filled - 1)) if filled > 1 else 0.0


def effective_rank(vectors: DoubleArray) -> float:
    """Exponential of the entropy of the singular values of the centred rows.

    Roy & Vetterli (2007), "The effective rank: a measure of effective dimensionality".
    """
    if len(vectors) < 2:
        return 0.0
    variances = np.linalg.eigvalsh(np.atleast_2d(np.cov(vectors, rowvar=False)))
    singular = np.sqrt(np.maximum(variances, 0.0))
    shares = singular[singular > 0] / max(float(singular.sum()), np.finfo(float).tiny)
    return float(np.exp(-np.sum(shares * np.log(shares))))
