"""Permutation tests against all sign flips, scipy and by simulation; Holm's adjustment."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from llmseqrec.evaluation.significance import holm, paired_p_values


def reciprocal_ranks(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.where(rng.random(n) < 0.3, 1 / rng.integers(1, 20, n), 0.0)


def test_p_value_agrees_with_all_sign_flips() -> None:
    differences = np.array([0.5, 0.5, -0.25, 1.0, 0.0, 0.5, 1 / 3, -0.1])
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product([-1, 1], repeat=8)]
    exact = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-12)
    ours = paired_p_values(differences[:, None], np.random.default_rng(6), 50_000)
    assert ours[0] == pytest.approx(exact, abs=0.01)


def test_p_values_agree_with_scipy_for_every_metric() -> None:
    rng = np.random.default_rng(7)
    a = np.stack([reciprocal_ranks(rng, 400) + 0.02, rng.standard_normal(400)], axis=1)
    b = np.stack([reciprocal_ranks(rng, 400), rng.standard_normal(400) + 0.1], axis=1)
    ours = paired_p_values(a - b, np.random.default_rng(9), 20_000)
    for metric in range(2):
        theirs = stats.permutation_test(
            (a[:, metric], b[:, metric]),
            lambda x, y, axis: np.mean(x - y, axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=5_000,
            rng=np.random.default_rng(8),
        )
        assert ours[metric] == pytest.approx(theirs.pvalue, abs=0.03)


def test_p_values_are_uniform_without_a_difference() -> None:
    rng = np.random.default_rng(10)
    found = [paired_p_values(rng.standard_normal((60, 1)), rng, 400)[0] for _ in range(400)]
    assert 0.02 <= np.mean(np.array(found) <= 0.05) <= 0.09
    assert stats.kstest(found, "uniform").pvalue > 0.001


def test_p_values_are_uniform_for_means_over_exchangeable_seeds() -> None:
    rng = np.random.default_rng(11)
    found = []
    for _ in range(300):
        sessions = (rng.random((1, 200)) < 0.3) * 1.0
        a, b = (np.abs(sessions - (rng.random((5, 200)) < 0.1)).mean(axis=0) for _ in range(2))
        found.append(paired_p_values((a - b)[:, None], rng, 300)[0])
    assert 0.015 <= np.mean(np.array(found) <= 0.05) <= 0.09


def test_a_clear_difference_has_the_smallest_p_value_which_is_not_zero() -> None:
    differences = np.full((500, 1), 0.2)
    found = paired_p_values(differences, np.random.default_rng(12), 1000)
    assert found[0] == pytest.approx(1 / 1001)


def test_equal_runs_do_not_differ() -> None:
    assert paired_p_values(np.zeros((50, 3)), np.random.default_rng(14)).tolist() == [1, 1, 1]


def test_many_sessions_are_handled_in_portions() -> None:
    differences = np.random.default_rng(15).standard_normal((9_000, 1)) + 0.02
    found = paired_p_values(differences, np.random.default_rng(16), 2000)
    theirs = stats.ttest_1samp(differences[:, 0], 0).pvalue
    assert found[0] == pytest.approx(theirs, abs=0.03)


def test_holm_steps_down() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    assert len(holm([])) == 0
