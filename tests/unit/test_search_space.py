"""What a search draws: published grids, conditions, families; and ranges that are refused."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
import yaml
from optuna.distributions import BaseDistribution
from pydantic import ValidationError

from llmseqrec.config_search import Range, Search
from llmseqrec.registry import MODELS, parameters_class
from llmseqrec.search_spaces import read_spaces
from llmseqrec.tuning.families import family_axes
from llmseqrec.tuning.objective import with_values
from llmseqrec.tuning.space import Space, key
from tests.conftest import ROOT

SPACES = read_spaces(ROOT / "config" / "spaces.yaml")
PUBLISHED = yaml.safe_load((ROOT / "config" / "published" / "beauty.yaml").read_text())["runs"]

# Of prompt tasks whose prompts hold another run's lists.
NEEDED = {name: {"lists": "another"} for name in ("gen_list", "rank")}


def random_draw(rng: np.random.Generator) -> Any:
    def draw(name: str, distribution: BaseDistribution) -> Any:
        if hasattr(distribution, "choices"):
            return distribution.choices[rng.integers(len(distribution.choices))]
        count = round((distribution.high - distribution.low) / distribution.step) + 1
        return distribution.low + distribution.step * int(rng.integers(count))

    return draw


@pytest.mark.parametrize("name", [name for name in SPACES if name in MODELS])
def test_every_point_of_a_space_is_a_setting_of_its_model(name: str) -> None:
    draw, space = random_draw(np.random.default_rng(0)), Space(SPACES[name], {})
    for _ in range(50):
        point = space.draw(draw)
        parameters_class(name)(**with_values(NEEDED.get(name, {}), point))
        assert space.distributions(point).keys() == point.keys()


@pytest.mark.parametrize(
    ("space", "run"),
    [("sasrec", "sasrec"), ("bert4rec", "bert4rec"), ("gru4rec", "gru4rec"), ("sknn", "sknn")],
)
def test_published_optima_lie_on_the_grids(space: str, run: str) -> None:
    optimum = PUBLISHED[run]["parameters"]
    for name, found in SPACES[space].items():
        if optimum.get(name) is not None:
            assert optimum[name] in (found.values or ()), name


def test_a_condition_decides_what_is_drawn() -> None:
    space = Space(
        {
            "decay": Range(choices=["log", None], when={"pooling": ["mean"]}),
            "pooling": Range(choices=["mean", "last"]),
        },
        {},
    )
    assert list(space.points()) == [
        {"pooling": "mean", "decay": "log"},
        {"pooling": "mean", "decay": None},
        {"pooling": "last"},
    ]
    draw = random_draw(np.random.default_rng(0))
    for _ in range(20):
        point = space.draw(draw)
        assert ("decay" in point) == (point["pooling"] == "mean")


def test_conditions_on_conditions_are_drawn_in_their_order() -> None:
    space = Space(
        {
            "c": Range(choices=[5], when={"b": [1]}),
            "b": Range(choices=[1, 2], when={"a": [True]}),
            "a": Range(choices=[True, False]),
        },
        {},
    )
    assert list(space.points()) == [
        {"a": True, "b": 1, "c": 5},
        {"a": True, "b": 2},
        {"a": False},
    ]


def test_a_fixed_value_takes_the_place_of_its_range_and_meets_conditions() -> None:
    ranges = {"a": Range(choices=[1, 2]), "b": Range(choices=[3, 4], when={"a": [2]})}
    assert list(Space(ranges, {"a": 2}).points()) == [{"b": 3}, {"b": 4}]
    assert list(Space(ranges, {"a": 1}).points()) == [{}]


def test_grids_hold_whole_numbers_and_no_dust() -> None:
    assert Range(low=16, high=64, step=16).values == [16, 32, 48, 64]
    rates = Range(low=0.0001, high=0.01, step=0.0001).values or []
    assert len(rates) == 100
    assert 0.0048 in rates


def test_a_family_is_all_that_one_pass_serves() -> None:
    space = Space(SPACES["llm_seq_sim"], {})
    axes = family_axes("llm_seq_sim", space, 3)
    families: Counter[str] = Counter()
    for point in space.points():
        family = space.family(point, axes)
        assert family[0] == point
        families["|".join(sorted(map(key, family)))] += 1
    assert set(families.values()) == {9}  # eight decays of the mean, and the last item's vector
    assert len(families) == 3  # similarities


def test_a_family_of_numbers_takes_some_of_a_grid() -> None:
    space = Space(SPACES["sknn"], {})
    axes = family_axes("sknn", space, 4)
    assert axes == {"k": [50, 200, 350, 500]}
    point = {"k": 60, "sample_size": 500, "sampling": "recent"}
    assert [found["k"] for found in space.family(point, axes)] == [60, 50, 200, 350, 500]


def test_a_dot_leads_into_a_section() -> None:
    parameters = {"item_vectors": {"mode": "initialise", "scale": 2.0}, "dim": 8}
    made = with_values(parameters, {"item_vectors.mode": "adapter", "dim": 16, "reduction": "x"})
    assert made == {"item_vectors": {"mode": "adapter", "scale": 2.0}, "dim": 16}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"low": 1}, "either low and high, or choices"),
        ({"low": 1, "high": 2, "choices": [1]}, "either low and high, or choices"),
        ({"low": 3, "high": 2}, "low 3 is above high 2"),
        ({"choices": [1], "log": True}, "step and log are of a grid"),
        ({"low": 1, "high": 2, "step": 1, "log": True}, "log has no step"),
        ({"low": 1, "high": 2, "step": 0}, "greater than 0"),
    ],
)
def test_a_bad_range_is_refused(content: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Range.model_validate(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"trials": None}, "trials: null is for sampler grid"),
        ({"workers": 0}, "greater than 0"),
        ({"ranges": {"reduction": {"low": 1, "high": 2}}}, "reduction: takes choices"),
        ({"variants": {}}, "at least 1"),
        ({"trails": 3}, "trails"),
    ],
)
def test_a_bad_search_is_refused(content: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Search.model_validate({"run": "a", "dataset": "b", "split": "c"} | content)
