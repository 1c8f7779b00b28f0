"""Blends: agreement with their components, ties, and what does not change a list."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from llmseqrec.errors import InputError
from llmseqrec.models.base import Catalogue, Recommender
from llmseqrec.models.blend import Blend, normalise
from llmseqrec.models.combined_parameters import BlendParameters
from llmseqrec.models.parameters import Parameters
from llmseqrec.sessions import Prompts, Sessions
from tests.unit.stand_ins import sessions_of

RULES = ["range", "maximum", "z_score"]
N_ITEMS = 7
# Quarters are exact in single precision, so that ties are ties in any order of summing.
values = st.one_of(st.just(-np.inf), st.integers(-20, 20).map(lambda number: number / 4))
tables = arrays(np.float64, (2, N_ITEMS), elements=values)
every_rule = pytest.mark.parametrize("rule", RULES)


class Table(Recommender[Parameters]):
    """Gives the first session the first row of a table, and so on."""

    def __init__(self, table: np.ndarray) -> None:
        super().__init__(Parameters(), Catalogue(table.shape[1]))
        self.table = table

    def fit(self, train: Sessions, valid: Prompts | None = None) -> None:
        raise AssertionError("components are never trained")

    def score_batch(self, prompts: Sessions) -> np.ndarray:
        return self.table[prompts.session_ids]

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing to take up."""


def blend(*parts: np.ndarray, **parameters: Any) -> Blend:
    made = Blend(BlendParameters(**parameters), Catalogue(N_ITEMS))
    made.combine([Table(part) for part in parts])
    made.fit(sessions_of([[0]]))
    return made


def prompts() -> Sessions:
    return sessions_of([[], [2, 3]])


@every_rule
@settings(deadline=None)
@given(first=tables, second=tables)
def test_all_weight_on_one_gives_its_list(rule: str, first: np.ndarray, second: np.ndarray) -> None:
    options = {"normalisation": rule, "exclude_seen": False}
    for weights, alone in (([1, 0], first), ([0, 0.5], second)):
        items, _ = blend(first, second, weights=weights, **options).recommend(prompts(), N_ITEMS)
        np.testing.assert_array_equal(items, Table(alone).recommend(prompts(), N_ITEMS)[0])


@every_rule
@settings(deadline=None)
@given(first=tables, second=tables, order=st.permutations(range(N_ITEMS)))
def test_scores_follow_the_items_when_these_are_renamed(
    rule: str, first: np.ndarray, second: np.ndarray, order: list[int]
) -> None:
    options = {"weights": [0.25, 0.75], "normalisation": rule, "exclude_seen": False}
    scores = blend(first, second, **options).score_batch(prompts())
    moved = blend(first[:, order], second[:, order], **options).score_batch(prompts())
    np.testing.assert_allclose(moved, scores[:, order], rtol=1e-4, atol=1e-5)


@every_rule
@settings(deadline=None)
@given(first=tables, second=tables)
def test_scale_and_order_of_components_do_not_matter(
    rule: str, first: np.ndarray, second: np.ndarray
) -> None:
    scores = blend(first, second, weights=[0.25, 0.75], normalisation=rule).score_batch(prompts())
    other = blend(second, 8 * first, weights=[0.75, 0.25], normalisation=rule)
    np.testing.assert_allclose(other.score_batch(prompts()), scores, rtol=1e-4, atol=1e-5)


def test_equal_scores_go_by_item_id_and_seen_items_are_left_out() -> None:
    table = np.ones((2, N_ITEMS))
    items, _ = blend(table, table, weights=[0.5, 0.5]).recommend(prompts(), N_ITEMS)
    assert items[0].tolist() == list(range(N_ITEMS))
    assert items[1].tolist() == [0, 1, 4, 5, 6, -1, -1]


def test_what_one_component_lists_is_listed_above_what_none_does() -> None:
    first = np.array([[3.0, 1.0, -np.inf, -np.inf, -np.inf, -np.inf, -np.inf]] * 2)
    second = np.array([[-np.inf, -np.inf, 5.0, 4.0, -np.inf, -np.inf, -np.inf]] * 2)
    items, _ = blend(first, second, weights=[0.6, 0.4]).recommend(prompts(), N_ITEMS)
    assert items[0].tolist() == [0, 2, 1, 3, -1, -1, -1]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("range", [0, 0, 0.5, 1]),
        ("maximum", [0.25, 0.25, 0.625, 1]),
        ("z_score", [-0.905, -0.905, 0.302, 1.508]),
    ],
)
def test_scales(rule: str, expected: list[float]) -> None:
    found = normalise(np.array([[1.0, -np.inf, 2.5, 4.0]]), rule)
    np.testing.assert_allclose(found, [expected], atol=1e-3)


def test_weights_that_are_tried_sum_to_one_and_come_once() -> None:
    options = BlendParameters(step=0.25).options(3)
    weights = [tuple(option["weights"]) for option in options]
    assert len(weights) == len(set(weights)) == 15
    assert all(sum(each) == 1 for each in weights)
    assert weights[0] == (1, 0, 0)


def test_weights_of_another_number_are_refused() -> None:
    with pytest.raises(InputError, match=r"^weights: 3 of them for 2 components$"):
        blend(np.zeros((2, N_ITEMS)), np.zeros((2, N_ITEMS)), weights=[1, 1, 1])


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"weights": [0, 0]}, "weights: none is negative"),
        ({"weights": [2, -1]}, "weights: none is negative"),
        ({"weights": []}, "weights"),
        ({"step": 0.3}, "step: 1 is no multiple of 0.3"),
    ],
)
def test_senseless_parameters_are_refused(parameters: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        BlendParameters(**parameters)
