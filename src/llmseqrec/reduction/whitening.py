"""Kinds of whitening, from none to full: what removes the directions that all texts share.

Language models put texts into a narrow cone; a few common directions drown the others. Whitening
divides by the standard deviation along every principal direction (WhitenRec, Zhang et al., 2024).
It is not in the study. Exponent, ridge and rank cut are ours; with p the exponent and r the ridge,
a direction of variance v is multiplied by (v + r) ** (-p / 2).

Directions whose singular value is below `tolerance` times the largest are dropped, whatever the
exponent: they hold rounding errors, which whitening would blow up to full size.
"""

import numpy as np

from llmseqrec.config import ReductionStep
from llmseqrec.errors import InputError
from llmseqrec.reduction.affine import Affine, DoubleArray, Vectors, checked
from llmseqrec.reduction.linear import Classes
from llmseqrec.reduction.principal import Principal, principal
from llmseqrec.reduction.spread import capped, reported


def fit_none(vectors: Vectors, step: ReductionStep, classes: Classes = None) -> Affine:
    """The vectors as they are; with `normalise`, as unit vectors.

    Args:
        vectors: (n_items, dim).
        step: has no options.
        classes: not used.

    Raises:
        InputError: a vector is not finite.
    """
    doubles = checked(vectors)
    width = doubles.shape[1]
    return reported(doubles, step, Affine(np.zeros(width), np.eye(width)), 1.0)


def fit_centre(vectors: Vectors, step: ReductionStep, classes: Classes = None) -> Affine:
    """The mean vector subtracted.

    Args:
        vectors: (n_items, dim).
        step: has no options.
        classes: not used.

    Raises:
        InputError: a vector is not finite.
    """
    doubles = checked(vectors)
    return reported(doubles, step, Affine(doubles.mean(axis=0), np.eye(doubles.shape[1])), 1.0)


def fit_standardise(vectors: Vectors, step: ReductionStep, classes: Classes = None) -> Affine:
    """The mean subtracted and every coordinate divided by its standard deviation.

    A coordinate that does not vary becomes zero.

    Args:
        vectors: (n_items, dim).
        step: has no options.
        classes: not used.

    Raises:
        InputError: a vector is not finite, or all are equal.
    """
    doubles = checked(vectors)
    if len(doubles) < 2 or np.ptp(doubles, axis=0).max() == 0:
        raise InputError("item vectors: all are equal, so there is nothing to whiten")
    deviations = doubles.std(axis=0, ddof=1)
    varies = np.ptp(doubles, axis=0) > 0
    scales = np.divide(1.0, deviations, out=np.zeros_like(deviations), where=varies)
    return reported(doubles, step, Affine(doubles.mean(axis=0), np.diag(scales)), 1.0)


def fit_pca_whitening(vectors: Vectors, step: ReductionStep, classes: Classes = None) -> Affine:
    """Principal components, each divided by (variance + ridge) ** (power / 2).

    Args:
        vectors: (n_items, dim).
        step: dimensions (also the rank cut), power (0 PCA, 1 full whitening), ridge, tolerance.
        classes: not used.

    Raises:
        InputError: a vector is not finite, or all are equal.
    """
    doubles = checked(vectors)
    found = principal(doubles)
    dimensions = capped(step, found.rank(step.tolerance))
    matrix = found.directions[:, :dimensions] * _scales(found, step, dimensions)
    return reported(doubles, step, Affine(found.mean, matrix), found.explained(dimensions))


def fit_zca(vectors: Vectors, step: ReductionStep, classes: Classes = None) -> Affine:
    """PCA whitening turned back into the coordinates of the vectors.

    Of all maps that whiten, this one moves the vectors least (Kessy, Lewin & Strimmer, 2018,
    "Optimal whitening and decorrelation"). The result is as wide as the vectors; with a rank cut it
    lies in as many dimensions as are kept.

    Args:
        vectors: (n_items, dim).
        step: power (0 centres and cuts, 1 full whitening), ridge, tolerance, rank.
        classes: not used.

    Raises:
        InputError: a vector is not finite, or all are equal.
    """
    doubles = checked(vectors)
    found = principal(doubles)
    kept = _kept(found, step)
    return reported(
        doubles, step, Affine(found.mean, _symmetric(found, step, kept)), found.explained(kept)
    )


def fit_group_zca(vectors: Vectors, step: ReductionStep, classes: Classes = None) -> Affine:
    """ZCA of blocks of consecutive coordinates, each by itself: the more groups, the weaker.

    WhitenRec's relaxed whitening, which keeps what blocks have in common. One group is `zca`; as
    many as there are coordinates is `standardise`. A block that does not vary becomes zero.

    Args:
        vectors: (n_items, dim).
        step: groups, at most dim; power, ridge, tolerance and rank, within each group.
        classes: not used.

    Raises:
        InputError: a vector is not finite, all are equal, or there are more groups than dim.
    """
    doubles = checked(vectors)
    width = doubles.shape[1]
    if step.groups > width:
        raise InputError(f"reduction group_zca: {step.groups} groups of {width} coordinates")
    total = principal(doubles).variances.sum()
    matrix, explained = np.zeros((width, width)), 0.0
    for block in np.array_split(np.arange(width), step.groups):
        if np.ptp(doubles[:, block], axis=0).max() > 0:
            found = principal(doubles[:, block])
            kept = _kept(found, step)
            matrix[np.ix_(block, block)] = _symmetric(found, step, kept)
            explained += float(found.variances[:kept].sum() / total)
    return reported(doubles, step, Affine(doubles.mean(axis=0), matrix), explained)


def _scales(found: Principal, step: ReductionStep, count: int) -> DoubleArray:
    """What the first directions are multiplied by."""
    scales: DoubleArray = (found.variances[:count] + step.ridge) ** (-step.power / 2)
    return scales


def _kept(found: Principal, step: ReductionStep) -> int:
    """Directions left by the rank cut and the tolerance."""
    return min(step.rank or len(found.variances), found.rank(step.tolerance))


def _symmetric(found: Principal, step: ReductionStep, kept: int) -> DoubleArray:
    """Scaled along the kept directions, and turned back."""
    directions = found.directions[:, :kept]
    symmetric: DoubleArray = (directions * _scales(found, step, kept)) @ directions.T
    return symmetric
