"""Linear reductions of item vectors: PCA, LDA, Gaussian random projection.

scikit-learn fits them; the affine map is taken out, so that it can be stored without a pickle and
applied to new texts.

Deviations from the study's code:
    * PCA is exact; the reference's automatic solver is a randomised, unseeded one for small sizes.
    * The random projection is seeded, and not done to more dimensions than there are: the others
      would be sums of these.
    * Signs are fixed: in every direction the largest coefficient is positive.
"""

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.random_projection import GaussianRandomProjection

from llmseqrec.config import ReductionStep
from llmseqrec.errors import InputError
from llmseqrec.reduction.affine import Affine, DoubleArray, Vectors, checked
from llmseqrec.reduction.principal import principal
from llmseqrec.reduction.spread import capped, reported

Classes = Sequence[str] | None


def fit_pca(vectors: Vectors, step: ReductionStep, classes: Classes = None) -> Affine:
    """Principal components, centred and not scaled (study code).

    Args:
        vectors: (n_items, dim).
        step: its dimensions are capped at min(n_items, dim).
        classes: not used.

    Raises:
        InputError: a vector is not finite, or all are equal.
    """
    doubles = checked(vectors)
    found = principal(doubles)
    dimensions = capped(step, min(doubles.shape))
    fitted = Affine(found.mean, found.directions[:, :dimensions])
    return reported(doubles, step, fitted, found.explained(dimensions))


def fit_lda(vectors: Vectors, step: ReductionStep, classes: Classes = None) -> Affine:
    """Linear discriminant analysis on the item classes (study code: svd solver).

    Args:
        vectors: (n_items, dim).
        step: its dimensions are capped at min(dim, classes - 1).
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
    dimensions = capped(step, min(doubles.shape[1], n_classes - 1))
    lda = LinearDiscriminantAnalysis(solver="svd", n_components=dimensions)
    with warnings.catch_warnings():
        # Rank-deficient vectors are expected; the solver leaves their empty directions out.
        warnings.filterwarnings("ignore", message="Variables are collinear")
        lda.fit(doubles, np.asarray(classes))
    fitted = Affine(lda.xbar_, _positive_signs(lda.scalings_[:, :dimensions]))
    return reported(doubles, step, fitted, float(lda.explained_variance_ratio_.sum()))


def fit_random_projection(vectors: Vectors, step: ReductionStep, classes: Classes = None) -> Affine:
    """Gaussian random projection; no centring (study code).

    Args:
        vectors: (n_items, dim).
        step: dimensions, capped at dim, and seed.
        classes: not used.

    Raises:
        InputError: a vector is not finite.
    """
    doubles = checked(vectors)
    dimensions = capped(step, doubles.shape[1])
    # Nothing is learned of the vectors but their width, and the library would copy them.
    shape = np.zeros((1, doubles.shape[1]))
    projection = GaussianRandomProjection(dimensions, random_state=step.seed).fit(shape)
    fitted = Affine(np.zeros(doubles.shape[1]), projection.components_.T)
    return reported(doubles, step, fitted, None)


def _positive_signs(matrix: DoubleArray) -> DoubleArray:
    """Columns turned so that the coefficient of largest size is positive."""
    largest = np.abs(matrix).argmax(axis=0)
    signs = np.sign(matrix[largest, np.arange(matrix.shape[1])])
    return matrix * np.where(signs == 0, 1.0, signs)
