"""How item vectors spread, and the report of a fitted step that tells of it."""

import logging
from typing import Any

import numpy as np

from llmseqrec.config import ReductionStep
from llmseqrec.reduction.affine import (
    Affine,
    DoubleArray,
    row_blocks,
    unit_blocks,
)

_LOG = logging.getLogger(__name__)


def mean_cosine(vectors: DoubleArray) -> float:
    """Mean cosine over all pairs of distinct non-zero rows; 0 where there is no pair."""
    filled, joint = 0, np.zeros(vectors.shape[1])
    for _, unit in unit_blocks(vectors):
        filled += int((np.abs(unit).sum(axis=1) > 0).sum())
        joint += unit.sum(axis=0)
    total = float(np.square(joint).sum())
    return (total - filled) / (filled * (filled - 1)) if filled > 1 else 0.0


def effective_rank(vectors: DoubleArray) -> float:
    """Exponential of the entropy of the singular values of the centred rows.

    Roy & Vetterli (2007), "The effective rank: a measure of effective dimensionality".
    """
    if len(vectors) < 2:
        return 0.0
    variances = np.linalg.eigvalsh(np.atleast_2d(_covariance(vectors)))
    singular = np.sqrt(np.maximum(variances, 0.0))
    shares = singular[singular > 0] / max(float(singular.sum()), np.finfo(float).tiny)
    return float(np.exp(-np.sum(shares * np.log(shares))))


def _covariance(vectors: DoubleArray) -> DoubleArray:
    """(dim, dim), without a centred copy where there are many rows."""
    blocks = list(row_blocks(len(vectors)))
    if len(blocks) == 1:
        return np.asarray(np.cov(vectors, rowvar=False))
    mean = vectors.mean(axis=0)
    total = np.zeros((vectors.shape[1], vectors.shape[1]))
    for rows in blocks:
        centred = vectors[rows] - mean
        total += centred.T @ centred
    return total / (len(vectors) - 1)


def capped(step: ReductionStep, most: int) -> int:
    """The dimensions asked for, or as many as there are; a cap is logged."""
    asked = step.dimensions or most
    if asked > most:
        _LOG.warning(
            "%s: %d dimensions asked for, %d possible, %d it is", step.method, asked, most, most
        )
    return min(asked, most)


def reported(
    doubles: DoubleArray, step: ReductionStep, fitted: Affine, explained: float | None
) -> Affine:
    """The map with its report, rows divided by their norms where the step says so.

    Args:
        doubles: (n, dim) what it was fitted on.
        step: its configuration.
        fitted: the map, which does not normalise.
        explained: the share of the variance kept; for LDA, of the variance between classes.
    """
    reduced = Affine(fitted.mean, fitted.matrix, False, shift=fitted.shift).apply(doubles)
    report: dict[str, Any] = {
        "method": step.method,
        "dimensions_asked": step.dimensions,
        "dimensions": fitted.matrix.shape[1],
        "fitted_on": len(doubles),
        "explained_variance": explained,
        "effective_rank_before": effective_rank(doubles),
        "effective_rank": effective_rank(reduced),
        "mean_cosine_before": mean_cosine(doubles),
        "mean_cosine": mean_cosine(reduced),
    }
    matrix = np.ascontiguousarray(fitted.matrix)
    return Affine(fitted.mean, matrix, step.normalise, {**report, **fitted.report}, fitted.shift)
