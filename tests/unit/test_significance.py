"""Bootstrap intervals and permutation tests against scipy and by simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from llmseqrec.errors import InputError
from llmseqrec.evaluation.significance import compare, holm, mean_interval, paired_p_value


def reciprocal_ranks(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.where(rng.random(n) < 0.3, 1 / rng.integers(1, 20, n), 0.0)


@pytest.mark.parametrize("draw", [reciprocal_ranks, lambda rng, n: rng.standard_normal(n)])
def test_interval_agrees_with_scipy(draw) -> None:
    values = draw(np.random.default_rng(0), 300)
    ours = mean_interval(values, np.random.default_rng(1), draws=20_000)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    np.testing.assert_allclose(ours, theirs, atol=0.03 * values.std() / np.sqrt(300) * 2)


def test_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(400):
        low, high = mean_interval((rng.random(150) < 0.4).astype(float), rng, 0.9, 500)
        covered += low <= 0.4 <= high
    assert 0.85 <= covered / 400 <= 0.95


def test_wider_levels_give_wider_intervals_around_the_mean() -> None:
    values = np.random.default_rng(4).random(200)
    narrow = mean_interval(values, np.random.default_rng(5), level=0.5)
    wide = mean_interval(values, np.random.default_rng(5), level=0.99)
    assert wide[0] < narrow[0] < values.mean() < narrow[1] < wide[1]


def test_p_value_agrees_with_all_sign_flips() -> None:
    differences = np.array([0.5, 0.5, -0.25, 1.0, 0.0, 0.5, 1 / 3, -0.1])
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product([-1, 1], repeat=8)]
    exact = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-12)
    ours = paired_p_value(differences, np.random.default_rng(6), 50_000)
    assert ours == pytest.approx(exact, abs=0.01)


def test_p_value_agrees_with_scipy() -> None:
    rng = np.random.default_rng(7)
    a, b = reciprocal_ranks(rng, 400) + 0.02, reciprocal_ranks(rng, 400)
    theirs = stats.permutation_test(
        (a, b),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=20_000,
        rng=np.random.default_rng(8),
    )
    ours = compare(a, b, np.random.default_rng(9), draws=4000)
    assert ours.p == pytest.approx(theirs.pvalue, abs=0.02)
    assert ours.difference == pytest.approx(theirs.statistic)


def test_p_values_are_uniform_without_a_difference() -> None:
    rng = np.random.default_rng(10)
    p_values = [paired_p_value(rng.standard_normal(60), rng, 400) for _ in range(400)]
    assert 0.02 <= np.mean(np.array(p_values) <= 0.05) <= 0.09
    assert stats.kstest(p_values, "uniform").pvalue > 0.001


def test_a_clear_difference_is_found_and_its_p_value_is_never_zero() -> None:
    b = np.random.default_rng(11).random(500)
    result = compare(b + 0.2, b, np.random.default_rng(12), draws=200)
    assert result.p == pytest.approx(1 / 1001)
    assert result.ci_low == pytest.approx(0.2)
    assert result.ci_high == pytest.approx(0.2)


def test_equal_runs_do_not_differ() -> None:
    a = np.random.default_rng(13).random(50)
    result = compare(a, a, np.random.default_rng(14))
    assert (result.difference, result.ci_low, result.ci_high, result.p) == (0, 0, 0, 1)


def test_the_same_seed_gives_the_same_numbers() -> None:
    a, b = np.random.default_rng(15).random((2, 80))
    first, second = (compare(a, b, np.random.default_rng(16)) for _ in range(2))
    assert first == second


def test_many_sessions_are_handled_in_portions() -> None:
    values = np.random.default_rng(17).random(30_000)
    low, high = mean_interval(values, np.random.default_rng(18), draws=300)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(30_000), rel=0.2)


def test_holm_steps_down() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    assert len(holm([])) == 0


@pytest.mark.parametrize(
    ("values", "level", "draws"), [([], 0.95, 10), ([1.0], 1.0, 10), ([1.0], 0.95, 0)]
)
def test_bad_input_is_told_in_one_line(values: list[float], level: float, draws: int) -> None:
    with pytest.raises(InputError):
        mean_interval(np.array(values), np.random.default_rng(0), level, draws)


def test_runs_of_different_sessions_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="3 and 2"):
        compare(np.zeros(3), np.zeros(2), np.random.default_rng(0))
