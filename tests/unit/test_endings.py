"""When a study ends, and which trials are given up."""

import pytest

from llmseqrec.tuning.endings import Limits, is_hopeless, why_ended

NONE = Limits(None, None, None)


def test_without_limits_a_study_goes_on() -> None:
    assert why_ended(NONE, 10**6, [0.1] * 1000, 1e9) is None


def test_trials_that_others_are_at_count() -> None:
    limits = Limits(5, None, None)
    assert why_ended(limits, 4, [0.1], 0) is None
    assert why_ended(limits, 5, [0.1], 0) == "trials"


def test_patience_counts_trials_after_the_best_one() -> None:
    limits = Limits(None, 3, None)
    assert why_ended(limits, 0, [0.1, 0.5, 0.2, 0.3], 0) is None
    assert why_ended(limits, 0, [0.1, 0.5, 0.2, 0.3, None], 0) == "patience"
    # An equal value is no better one; a better one starts anew.
    assert why_ended(limits, 0, [0.5, 0.1, 0.5, 0.5], 0) == "patience"
    assert why_ended(limits, 0, [0.5, 0.1, 0.5, 0.6], 0) is None


def test_a_study_whose_trials_all_fail_ends_too() -> None:
    assert why_ended(Limits(None, 3, None), 0, [None, None], 0) is None
    assert why_ended(Limits(None, 3, None), 0, [None, None, None], 0) == "patience"


def test_time_is_divided_by_the_workers() -> None:
    limits = Limits(None, None, 100.0, workers=2)
    assert why_ended(limits, 0, [], 199.0) is None
    assert why_ended(limits, 0, [], 200.0) == "time"


@pytest.mark.parametrize(
    ("value", "hopeless"), [(0.5, True), (1.5, True), (2.5, False), (11.0, False)]
)
def test_the_worst_fifth_is_given_up(value: float, hopeless: bool) -> None:
    others = [float(number) for number in range(1, 11)]
    assert is_hopeless(value, others, 0.2, 10) is hopeless


def test_nothing_is_given_up_before_there_are_enough() -> None:
    assert not is_hopeless(0.0, [1.0] * 9, 0.2, 10)
    assert is_hopeless(0.0, [1.0] * 10, 0.2, 10)
    assert not is_hopeless(0.0, [1.0] * 10, 0.0, 10)
    assert not is_hopeless(1.0, [1.0] * 10, 0.2, 10)
