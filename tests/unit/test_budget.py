"""A budget of time fills in what the configuration leaves out, and no more."""

from pathlib import Path
from typing import Any

import pytest

from llmseqrec.config import Config, parse_config
from llmseqrec.config_budget import BUDGETS
from llmseqrec.errors import InputError
from llmseqrec.plan import Plan
from tests.conftest import ROOT, tiny_content


def config_of(search: dict[str, Any] | None = None, **changes: Any) -> Config:
    content = tiny_content(Path("raw")) | changes
    content.pop("tie_shuffles") if "tie_shuffles" not in changes else None
    named = {"run": "v_sknn", "dataset": "tiny", "split": "temporal"}
    content["searches"] = {"neighbours": named | (search or {})}
    return parse_config(content)


def test_a_budget_chooses_seeds_shuffles_and_sizes_of_searches() -> None:
    sizes = []
    for budget in ("quick", "overnight", "paper"):
        config = config_of(budget=budget)
        search = config.searches["neighbours"]
        sizes.append((len(config.seeds), search.trials or 0, search.hours or 0))
    assert sizes == sorted(sizes)
    assert sizes[0] == (1, 20, 1)
    assert sizes[2] == (5, 500, 72)
    assert [config_of(budget=name).tie_shuffles for name in BUDGETS] == [5, 20, 20]


def test_the_study_s_searches_are_what_a_search_is_by_default() -> None:
    assert config_of(budget="paper").searches == config_of().searches


def test_a_given_key_wins() -> None:
    config = config_of({"trials": 7, "hours": None}, budget="quick", seeds=[8, 9], tie_shuffles=0)
    search = config.searches["neighbours"]
    assert (config.seeds, config.tie_shuffles) == ([8, 9], 0)
    assert (search.trials, search.hours, search.patience) == (7, None, None)


def test_without_a_budget_keys_have_their_own_defaults() -> None:
    assert config_of().seeds == [1]


def not_run(tmp_path: Path, **changes: Any) -> dict[tuple[str, str, str], str]:
    (tmp_path / "rows.csv").touch()
    content = tiny_content(tmp_path) | changes
    content["runs"]["v_sknn"]["least_budget"] = "overnight"
    return Plan(parse_config(content), ROOT).not_run


def test_a_run_of_a_longer_budget_stands_in_its_row_with_the_reason(tmp_path: Path) -> None:
    reason = "takes too long for budget: quick; overnight has it"
    assert not_run(tmp_path, budget="quick") == {("tiny", "temporal", "v_sknn"): reason}
    for budget in (None, "overnight", "paper"):
        assert not not_run(tmp_path, budget=budget)


def test_a_named_gpu_does_the_runs_of_longer_budgets(tmp_path: Path) -> None:
    assert not not_run(tmp_path, budget="quick", device="cuda")


@pytest.mark.parametrize("budget", ["weekend", ["quick"], 3])
def test_an_unknown_budget_is_refused_by_name(budget: Any) -> None:
    with pytest.raises(
        InputError, match=r"budget: Input should be 'quick', 'overnight' or 'paper'"
    ):
        config_of(budget=budget)


def test_a_search_that_is_no_mapping_is_still_told_as_such() -> None:
    with pytest.raises(InputError, match=r"searches\.odd"):
        parse_config(tiny_content(Path("raw")) | {"budget": "quick", "searches": {"odd": 3}})


def test_the_shipped_configuration_leaves_the_choice_to_the_budget() -> None:
    text = (ROOT / "config" / "config.yaml").read_text()
    assert "\nbudget: overnight\n" in text
    assert "\nseeds:" not in text
    assert "\ntie_shuffles:" not in text
