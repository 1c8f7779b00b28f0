"""Linear reductions of item vectors: PCA, PCA whitening, LDA, Gaussian random projection.

scikit-learn fits them; the affine map is taken out, so that it can be stored without a pickle and
applied to new texts. Fitted on all items of the catalogue, as in the study's code.

Deviations from the study's code:
    * PCA is exact; the reference's automatic solver is a randomised, unseeded one for small sizes.
    * The random projection is seeded, and not done to more dimensions than there are: the others
      would be sums of these.
    * Signs are fixed: in every direction the largest coefficient is positive.
    * Whitening is not in the study.
"""

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.random_projection import GaussianRandomProjection

from llmseqrec.config import Reduction
from llmseqrec.errors import InputError
from llmseqrec.reduction.affine import (
    Affine,
    DoubleArray,
    FloatArray,
    checked,
    effective_rank,
    mean_cosine,
)

_LOG = logging.getLogger(__name__)
_RESOLUTION = 1e-7  # relative size below which a singular value is zero but for rounding
Classes = Sequence[str] | None


def fit_pca(vectors: FloatArray, reduction: Reduction, classes: Classes = None) -> Affine:
    """Principal components, centred and not scaled (study code).

    Args:
        vectors: (n_items, dim).
        reduction: its dimensions are capped at min(n_items, dim).
        classes: not used.

    Raises:
        InputError: a vector is not finite, or all are equal.
    """
    doubles = checked(vectors)
    pca = _principal_components(doubles)
    dimensions = _capped(reduction, min(doubles.shape))
    matrix = pca.components_[:dimensions].T
    explained = float(pca.explained_variance_ratio_[:dimensions].sum())
    return _affine(doubles, reduction, (pca.mean_, matrix), explained)


def fit_pca_whitening(vectors: FloatArray, reduction: Reduction, classes: Classes = None) -> Affine:
    """Principal components, each divided by (variance + ridge) ** (power / 2).

    Removes the few directions that all texts share and that drown the others (WhitenRec, Zhang et
    al., 2024). Directions whose singular value is below `tolerance` times the largest are dropped,
    whatever the power: they hold rounding errors, which whitening would blow up to full size.

    Args:
        vectors: (n_items, dim).
        reduction: dimensions, power (0 PCA, 1 full whitening), ridge and tolerance.
        classes: not used.

    Raises:
        InputError: a vector is not finite, or all are equal.
    """
    doubles = checked(vectors)
    pca = _principal_components(doubles)
    singular = pca.singular_values_
    floor = max(reduction.tolerance, _RESOLUTION) * singular[0]
    dimensions = _capped(reduction, int((singular >= floor).sum()))
    variances = pca.explained_variance_[:dimensions] + reduction.ridge
    matrix = pca.components_[:dimensions].T / variances ** (reduction.power / 2)
    explained = float(pca.explained_variance_ratio_[:dimensions].sum())
    return _affine(doubles, reduction, (pca.mean_, matrix), explained)


def fit_lda(vectors: FloatArray, reduction: Reduction, classes: Classes = None) -> Affine:
    """Linear discriminant analysis on the item classes (study code: svd solver).

    Args:
        vectors: (n_items, dim).
        reduction: its dimensions are capped at min(dim, classes - 1).
        classes: (n_items,) class of each item.

    Raises:
        InputError: a vector is not finite, or there are too few or too many classes.
    """
    doubles = checked(vectors)
    if classes is None or len(classes) != len(doubles):
        raise InputError("reduction lda: the items have no classes; choose another method")
    n_classes = len(set(classes))
    if not 2 <= n_classes < len(doubles):
        raise InputError(f"reduction lda: {n_classes} classes for {len(doubles)} items")
    dimensions = _capped(reduction, min(doubles.shape[1], n_classes - 1))
    lda = LinearDiscriminantAnalysis(solver="svd", n_components=dimensions)
    with warnings.catch_warnings():
        # Rank-deficient vectors are expected; the solver leaves their empty directions out.
        warnings.filterwarnings("ignore", message="Variables are collinear")
        lda.fit(doubles, np.asarray(classes))
    matrix = _positive_signs(lda.scalings_[:, :dimensions])
    explained = float(lda.explained_variance_ratio_.sum())
    return _affine(doubles, reduction, (lda.xbar_, matrix), explained)


def fit_random_projection(
    vectors: FloatArray, reduction: Reduction, classes: Classes = None
) -> Affine:
    """Gaussian random projection; no centring (study code).

    Args:
        vectors: (n_items, dim).
        reduction: dimensions, capped at dim, and seed.
        classes: not used.

    Raises:
        InputError: a vector is not finite.
    """
    doubles = checked(vectors)
    dimensions = _capped(reduction, doubles.shape[1])
    projection = GaussianRandomProjection(dimensions, random_state=reduction.seed).fit(doubles)
    mean = np.zeros(doubles.shape[1])
    return _affine(doubles, reduction, (mean, projection.components_.T), None)


def _principal_components(doubles: DoubleArray) -> Any:
    """All components, exactly; their signs are fixed by scikit-learn."""
    rows, columns = doubles.shape
    if rows < 2 or np.ptp(doubles, axis=0).max() == 0:
        raise InputError("item vectors: all are equal, so there is nothing to reduce")
    return PCA(svd_solver="covariance_eigh" if rows > columns else "full").fit(doubles)


def _capped(reduction: Reduction, most: int) -> int:
    """The dimensions asked for, or as many as there are."""
    asked = reduction.dimensions or most
    if asked > most:
        _LOG.warning(
            "%s: %d dimensions asked for, %d possible, %d it is",
            *(reduction.method, asked, most, most),
        )
    return min(asked, most)


def _positive_signs(matrix: DoubleArray) -> DoubleArray:
    """Columns turned so that the coefficient of largest size is positive."""
    largest = np.abs(matrix).argmax(axis=0)
    signs = np.sign(matrix[largest, np.arange(matrix.shape[1])])
    return matrix * np.where(signs == 0, 1.0, signs)


def _affine(
    doubles: DoubleArray,
    reduction: Reduction,
    fitted: tuple[DoubleArray, DoubleArray],
    explained: float | None,
) -> Affine:
    """The map with its report; `fitted` is mean and matrix.

    `explained` is the share of the variance kept; for LDA, of the variance between classes.
    """
    mean, matrix = fitted
    reduced = (doubles - mean) @ matrix
    report = {
        "method": reduction.method,
        "dimensions_asked": reduction.dimensions,
        "dimensions": matrix.shape[1],
        "fitted_on": len(doubles),
        "explained_variance": explained,
        "effective_rank_before": effective_rank(doubles),
        "effective_rank": effective_rank(reduced),
        "mean_cosine_before": mean_cosine(doubles),
        "mean_cosine": mean_cosine(reduced),
    }
    return Affine(mean, np.ascontiguousarray(matrix), reduction.normalise, report)
