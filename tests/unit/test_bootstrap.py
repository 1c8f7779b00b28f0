"""Two-level bootstrap intervals against scipy, by analysis of variance and by simulation."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from llmseqrec.errors import InputError
from llmseqrec.evaluation.bootstrap import difference_intervals, mean_intervals


def reciprocal_ranks(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.where(rng.random(shape) < 0.3, 1 / rng.integers(1, 20, shape), 0.0)


def simulated(
    rng: np.random.Generator, seeds: int, sessions: int, spread: tuple[float, float, float]
) -> np.ndarray:
    """Values of true mean zero with effects of seeds, of sessions, and of both together."""
    of_seed, of_session, of_both = spread
    shape = (seeds, sessions, 1)
    return (
        of_seed * rng.standard_normal((seeds, 1, 1))
        + of_session * rng.standard_normal((1, sessions, 1))
        + of_both * rng.standard_normal(shape)
    )


def covered(spread: tuple[float, float, float], seeds: int = 5, level: str = "both") -> float:
    """Share of 500 intervals that hold the true mean."""
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(500):
        values = simulated(rng, seeds, 150, spread)
        if level == "sessions":
            values = values.mean(axis=0, keepdims=True)
        found = mean_intervals(values, rng, draws=300)
        hits += bool(found.low[0] <= 0 <= found.high[0])
    return hits / 500


@pytest.mark.parametrize("draw", [reciprocal_ranks, lambda rng, shape: rng.standard_normal(shape)])
def test_interval_of_one_seed_agrees_with_scipy_and_statsmodels(draw) -> None:
    values = draw(np.random.default_rng(0), (1, 300, 2))
    ours = mean_intervals(values, np.random.default_rng(1), draws=20_000)
    assert ours.levels == "sessions"
    for metric in range(2):
        column = values[0, :, metric]
        theirs = stats.bootstrap(
            (column,), np.mean, n_resamples=20_000, method="percentile", rng=2
        ).confidence_interval
        normal = DescrStatsW(column).tconfint_mean()
        error = column.std() / np.sqrt(300)
        found = (ours.low[metric], ours.high[metric])
        np.testing.assert_allclose(found, theirs, atol=0.1 * error)
        np.testing.assert_allclose(found, normal, atol=0.3 * error)


def test_interval_of_seeds_and_sessions_is_as_wide_as_their_variances_say() -> None:
    values = simulated(np.random.default_rng(3), 8, 400, (0.1, 1.0, 0.5))
    found = mean_intervals(values, np.random.default_rng(4), draws=20_000)
    assert found.levels == "seeds+sessions"
    means, averaged = values.mean(axis=1)[:, 0], values.mean(axis=0)[:, 0]
    residual = values[:, :, 0] - averaged - (means - means.mean())[:, None]
    noise = (residual**2).sum() / (7 * 399) / 400
    of_seeds, of_sessions = (means.var(ddof=1) - noise) / 8, averaged.var() / 400
    freedom = 7 * (of_seeds + of_sessions) ** 2 / (means.var(ddof=1) / 8) ** 2
    half = stats.t.ppf(0.975, freedom) * np.sqrt(of_seeds + of_sessions)
    assert (found.high - found.low)[0] / 2 == pytest.approx(half, rel=0.05)


# What is typical of 5 seeds of 4,469 sessions; no effect of seeds; as much as the sessions'; none
# of the sessions.
@pytest.mark.parametrize(
    "spread", [(0.03, 1.0, 0.7), (0.0, 1.0, 0.5), (0.18, 1.0, 0.5), (0.0, 0.1, 1.0)]
)
def test_interval_of_95_percent_covers_that_share(spread: tuple[float, float, float]) -> None:
    # Four standard errors of a share of 500, on either side.
    assert 0.91 <= covered(spread) <= 0.99


def test_sessions_alone_would_cover_too_little_where_seeds_differ() -> None:
    spread = (0.18, 1.0, 0.5)
    assert covered(spread, level="sessions") < 0.8


def test_interval_of_two_seeds_still_covers() -> None:
    assert covered((0.03, 1.0, 0.7), seeds=2) >= 0.91


def test_difference_pairs_sessions_and_draws_the_seeds_of_each_run() -> None:
    rng = np.random.default_rng(5)
    sessions = rng.standard_normal((1, 300, 1))
    a = sessions + 0.2 + 0.02 * rng.standard_normal((5, 1, 1))
    b = sessions + 0.02 * rng.standard_normal((3, 1, 1))
    found = difference_intervals(a, b, np.random.default_rng(6))
    difference = a.mean() - b.mean()
    assert found.low[0] < difference < found.high[0]
    # What the sessions share cancels; the effects of seeds are what remains.
    assert 0.02 < (found.high - found.low)[0] < 0.12
    turned = difference_intervals(b, a, np.random.default_rng(6))
    assert turned.high[0] == pytest.approx(-found.low[0], abs=0.01)


def test_difference_of_runs_of_one_seed_is_over_sessions() -> None:
    b = np.random.default_rng(7).random((1, 500, 1))
    found = difference_intervals(b + 0.2, b, np.random.default_rng(8), draws=200)
    assert found.levels == "sessions"
    np.testing.assert_allclose([found.low[0], found.high[0]], 0.2)


def test_wider_levels_give_wider_intervals_around_the_mean() -> None:
    values = np.random.default_rng(9).random((3, 200, 1))
    narrow = mean_intervals(values, np.random.default_rng(10), level=0.5)
    wide = mean_intervals(values, np.random.default_rng(10), level=0.99)
    ends = [wide.low, narrow.low, [values.mean()], narrow.high, wide.high]
    assert np.all(np.diff(np.ravel(ends)) > 0)


def test_the_same_seed_gives_the_same_numbers() -> None:
    values = np.random.default_rng(11).random((2, 80, 3))
    first, second = (mean_intervals(values, np.random.default_rng(12)) for _ in range(2))
    np.testing.assert_array_equal(first.low, second.low)
    np.testing.assert_array_equal(first.high, second.high)


def test_many_sessions_are_handled_in_portions() -> None:
    values = np.random.default_rng(13).random((1, 30_000, 1))
    found = mean_intervals(values, np.random.default_rng(14), draws=300)
    width = 2 * 1.96 * values.std() / np.sqrt(30_000)
    assert (found.high - found.low)[0] == pytest.approx(width, rel=0.2)


def test_values_that_do_not_vary_have_an_interval_of_no_width() -> None:
    found = mean_intervals(np.full((3, 40, 1), 0.25), np.random.default_rng(15))
    np.testing.assert_allclose([found.low[0], found.high[0]], 0.25)


def test_fifteen_runs_of_five_seeds_take_seconds() -> None:
    values = reciprocal_ranks(np.random.default_rng(16), (5, 4469, 10))
    started = time.process_time()
    mean_intervals(values, np.random.default_rng(17))
    assert 15 * (time.process_time() - started) < 20


@pytest.mark.parametrize(
    ("sessions", "level", "draws"), [(0, 0.95, 10), (1, 1.0, 10), (1, 0.95, 0)]
)
def test_bad_input_is_told_in_one_line(sessions: int, level: float, draws: int) -> None:
    with pytest.raises(InputError):
        mean_intervals(np.ones((1, sessions, 1)), np.random.default_rng(0), level, draws)


def test_runs_of_different_sessions_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="3 and 2"):
        difference_intervals(np.zeros((1, 3, 1)), np.zeros((1, 2, 1)), np.random.default_rng(0))


def test_an_interval_of_two_seeds_that_disagree_stays_within_what_a_metric_can_be() -> None:
    values = np.zeros((2, 50, 1))
    values[1, :25] = 1.0
    found = mean_intervals(values, np.random.default_rng(0))
    assert (found.low[0], found.high[0]) == (0.0, 1.0)
