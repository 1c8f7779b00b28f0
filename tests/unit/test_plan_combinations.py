"""The plan of combined runs: which files they are made of, and what cannot be planned."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llmseqrec.config import parse_config
from llmseqrec.errors import InputError
from llmseqrec.plan import Plan
from llmseqrec.resolve import run_need
from tests.conftest import ROOT, tiny_content

BLEND = {"display": "B", "model": "blend", "components": ["v_sknn", "most_popular"]}
MODEL = "model/model.safetensors"


def plan_of(
    runs: dict[str, dict[str, Any]], split: str = "temporal", folds: int = 3, **content: Any
) -> Plan:
    """A plan in which the last of some runs is asked for."""
    made = tiny_content(Path("raw"))
    made["datasets"]["tiny"]["splits"]["temporal"]["folds"] = folds
    made["datasets"]["tiny"] |= {"raw_dir": None, "raw": {}, "private": True}
    made["embeddings"] = {"lost": {"model": "no/such-model"}}
    made["runs"]["v_sknn"]["parameters"]["sampling"] = "random"
    made["runs"] |= runs
    made["experiments"] = [{"dataset": "tiny", "split": split, "runs": [list(runs)[-1]]}]
    return Plan(parse_config(made | {"seeds": [5, 6]} | content), ROOT)


def job(run: str, split: str = "temporal", **wildcards: str) -> SimpleNamespace:
    return SimpleNamespace(dataset="tiny", split=split, run=run, **wildcards)


def test_components_are_of_the_same_part_and_seed() -> None:
    files = plan_of({"mix": BLEND}).run_inputs(job("mix", part="fold2", seed="6"))
    assert files["components"] == [
        f"results/tiny/temporal/fold2/v_sknn/seed6/{MODEL}",
        f"results/tiny/temporal/fold2/most_popular/seed5/{MODEL}",  # uses no chance
    ]
    assert files["choice"] == "results/tiny/temporal/combinations/mix.json"
    assert files["train"] == "results/tiny/temporal/fold2/train"


def test_a_run_on_its_own_has_none() -> None:
    files = plan_of({"mix": BLEND}).run_inputs(job("v_sknn", part="full", seed="5"))
    assert not {"components", "choice"} & set(files)


def test_the_choice_is_made_on_all_folds_with_the_first_seed() -> None:
    files = plan_of({"mix": BLEND}).choice_inputs(job("mix"))
    folds = [f"results/tiny/temporal/fold{number}" for number in (1, 2, 3)]
    assert files["part_train"] == [f"{fold}/train" for fold in folds]
    assert files["part_prompts"] == [f"{fold}/valid" for fold in folds]
    assert files["part_components"] == [
        f"{fold}/{name}/seed5/{MODEL}" for fold in folds for name in ("v_sknn", "most_popular")
    ]
    assert "results/tiny/temporal/full" not in str(files)
    assert "test" not in str(files)


def test_leave_one_out_chooses_on_its_validation_items() -> None:
    plan = plan_of({"mix": BLEND}, "leave_one_out")
    files = plan.choice_inputs(job("mix", "leave_one_out"))
    assert files["part_train"] == ["results/tiny/leave_one_out/full/train"]
    assert files["part_prompts"] == ["results/tiny/leave_one_out/full/valid"]


def test_components_that_are_trained_on_the_validation_items_are_refused() -> None:
    refit = {"display": "R", "model": "sasrec", "parameters": {"refit": True}}
    runs = {"neural": refit, "mix": BLEND | {"components": ["v_sknn", "neural"]}}
    plan_of(runs)  # folds withhold sessions, not items
    with pytest.raises(InputError, match=r"^runs\.mix: cannot choose .* component neural .*refit"):
        plan_of(runs, "leave_one_out")


def test_given_weights_need_no_choice_and_no_folds() -> None:
    plan = plan_of({"mix": BLEND | {"parameters": {"weights": [1, 2]}}}, folds=0)
    assert "choice" not in plan.run_inputs(job("mix", part="full", seed="5"))
    assert plan.combinations.choosing == set()


def test_a_choice_without_folds_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"splits\.temporal\.folds: runs\.mix chooses on the folds"
    ):
        plan_of({"mix": BLEND}, folds=0)


def test_combined_runs_can_be_combined() -> None:
    nested = {"display": "N", "model": "popularity_hybrid", "components": ["mix"]}
    plan = plan_of({"mix": BLEND, "nested": nested})
    resolved = plan.resolved["tiny", "nested"]
    assert [run.model for run in resolved.family] == [
        "popularity_hybrid",
        "blend",
        "sknn",
        "most_popular",
    ]
    assert plan.seeds_of("tiny", "nested") == [5, 6]  # V-SKNN draws at random
    assert plan.combinations.choosing == {"mix", "nested"}


def test_a_run_cannot_be_done_where_a_component_cannot() -> None:
    similar = {"display": "S", "model": "llm_seq_sim", "embedding": "lost"}
    plan = plan_of({"similar": similar, "mix": BLEND | {"components": ["v_sknn", "similar"]}})
    reason = run_need(plan.config, plan.resolved, ("tiny", "temporal", "mix"))
    assert str(reason).startswith("component similar: weights unavailable")


def test_only_neural_components_ask_for_a_gpu() -> None:
    neural = {"display": "R", "model": "sasrec"}
    runs = {"neural": neural, "mix": BLEND | {"components": ["v_sknn", "neural"]}}
    assert plan_of(runs, device="cuda").gpu_of(job("mix")) == 1
    assert plan_of({"mix": BLEND}, device="cuda").gpu_of(job("mix")) == 0
    assert plan_of(runs, device="cpu").gpu_of(job("mix")) == 0
