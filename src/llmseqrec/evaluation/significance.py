"""Paired tests over sessions.

Paired sign-flip permutation test with the add-one p-value (Phipson and Smyth 2010), Holm's
adjustment for several comparisons. The study itself reports neither intervals nor tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseqrec.evaluation.bootstrap import portions

FloatArray = NDArray[np.float64]


def paired_p_values(
    differences: FloatArray, rng: np.random.Generator, draws: int = 10_000
) -> FloatArray:
    """Two-sided sign-flip permutation p-values of mean differences of zero.

    "The two runs are exchangeable in every session" is what is tested. All metrics of a session
    change sides together. Sessions without a difference cannot change a sum.

    Args:
        differences: (n, m) run a minus run b in each session, for m metrics.
        rng: source of the sign flips.
        draws: number of sign flips; the smallest p-value is 1 / (draws + 1).

    Returns:
        (m,) p-values.
    """
    sizes = np.abs(differences[np.any(differences != 0, axis=1)])
    total = sizes.sum(axis=0)
    # Rounding must not turn sums that are equal on paper into unequal ones.
    observed = np.abs(differences.sum(axis=0)) - 1e-9 * total
    extreme = np.zeros(differences.shape[1])
    for size in portions(draws, max(len(sizes), 1)):
        bits = np.frombuffer(rng.bytes(-(-size * len(sizes) // 8)), dtype=np.uint8)
        plus = np.unpackbits(bits, count=size * len(sizes)).reshape(size, len(sizes))
        sums = 2 * (plus.astype(np.float64) @ sizes) - total
        extreme += np.count_nonzero(np.abs(sums) >= observed, axis=0)
    p_values: FloatArray = (extreme + 1) / (draws + 1)
    return p_values


def holm(p_values: Sequence[float] | FloatArray) -> FloatArray:
    """(n,) p-values adjusted for n comparisons by Holm's method."""
    from statsmodels.stats.multitest import multipletests  # slow to import

    if not len(p_values):
        return np.empty(0)
    adjusted: NDArray[Any] = multipletests(p_values, method="holm")[1]
    return adjusted
