"""Principal directions, exactly, from the decomposition that is cheaper for the shape."""

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA

from llmseqrec.errors import InputError
from llmseqrec.reduction.affine import DoubleArray

_RESOLUTION = 1e-7  # relative size below which a singular value is zero but for rounding


@dataclass(frozen=True)
class Principal:
    """All principal directions, that of the largest variance first.

    Attributes:
        mean: (dim,).
        directions: (dim, r) columns of unit length, of fixed signs; r = min(n, dim).
        variances: (r,) with n - 1 in the denominator.
    """

    mean: DoubleArray
    directions: DoubleArray
    variances: DoubleArray

    def rank(self, tolerance: float = 0.0) -> int:
        """Directions whose singular value is at least `tolerance` of the largest, and no noise."""
        singular = np.sqrt(np.maximum(self.variances, 0.0))
        return int((singular >= max(tolerance, _RESOLUTION) * singular[0]).sum())

    def explained(self, count: int) -> float:
        """Share of the variance in the first directions."""
        return float(self.variances[:count].sum() / self.variances.sum())


def principal(doubles: DoubleArray) -> Principal:
    """Principal directions of (n, dim) vectors; their signs are fixed by scikit-learn.

    Where rows outnumber columns the covariance is decomposed, which is several times faster than
    the singular values of the rows, and than a randomised solver for all that models ask for.

    Raises:
        InputError: all vectors are equal.
    """
    rows, columns = doubles.shape
    if rows < 2 or np.ptp(doubles, axis=0).max() == 0:
        raise InputError("item vectors: all are equal, so there is nothing to reduce")
    pca = PCA(svd_solver="covariance_eigh" if rows > columns else "full").fit(doubles)
    return Principal(pca.mean_, pca.components_.T, pca.explained_variance_)
