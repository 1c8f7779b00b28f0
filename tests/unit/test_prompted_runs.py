"""Prompted runs in the configuration and the plan: what is refused, what decides which job."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from llmseqrec.config import parse_config
from llmseqrec.errors import InputError
from llmseqrec.forecast import long_jobs
from llmseqrec.plan import Plan
from llmseqrec.plan_prompts import PromptedRuns
from tests.conftest import ROOT, tiny_content

MODELS = {
    "small": {"provider": "small"},
    "folder": {"provider": "local", "model": "no/such-model", "revision": "a" * 40},
}
ITEM = {
    "display": "GenItem",
    "model": "gen_item",
    "language_model": "small",
    "embedding": "minilm",
    "parameters": {"decoding": "constrained"},
}
LIST = ITEM | {"display": "GenList", "model": "gen_list", "parameters": {"lists": "v_sknn"}}


def content(**runs: Any) -> dict[str, Any]:
    made = tiny_content(Path("raw"))
    made["datasets"]["tiny"] |= {"raw_dir": None, "raw": {}, "private": True}
    made |= {"embeddings": {"minilm": {}, "brands": {"template": "title_brand"}}, "seeds": [5, 6]}
    made |= {"language_models": MODELS}
    made["runs"] |= runs
    made["experiments"][0]["runs"] = [*runs]
    return made


def planned(**runs: Any) -> tuple[Plan, PromptedRuns]:
    plan = Plan(parse_config(content(**runs)), ROOT)
    return plan, PromptedRuns(plan)


def job(run: str, **wildcards: str) -> SimpleNamespace:
    known = {"part": "fold2", "seed": "6"} | wildcards
    return SimpleNamespace(dataset="tiny", split="temporal", run=run, **known)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"language_model": None}, r"runs\.x: model gen_item needs a language_model"),
        ({"language_model": "big"}, r"x\.language_model: 'big' is not defined; defined: small, "),
        ({"embedding": None}, r"runs\.x: model gen_item needs an embedding"),
        ({"reduction": "pca"}, r"runs\.x: reduction: names are compared by unreduced vectors"),
        ({"finetune": False}, r"runs\.x\.finetune: small knows nothing before it"),
        ({"finetuned_by": "y"}, r"runs\.x\.finetuned_by: 'y' is not defined"),
        ({"finetuned_by": "v_sknn"}, r"runs\.x\.finetuned_by: v_sknn fine-tunes no small"),
        ({"finetuned_by": "x"}, r"runs\.x\.finetuned_by: x fine-tunes no small"),
        ({"parameters": {"decoding": "greedy"}}, r"runs\.x: parameters\.decoding: "),
        ({"model": "gen_list", "parameters": {}}, r"x: parameters\.lists: required key is missing"),
        (
            {"model": "gen_list", "parameters": {"lists": "x"}},
            r"runs\.x\.parameters\.lists: x has no lists of training sessions",
        ),
        (
            {"model": "sknn", "parameters": {}, "embedding": None},
            r"runs\.x: language_model: model sknn asks no language model",
        ),
    ],
)
def test_a_run_that_cannot_be_prompted_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_config(content(x=ITEM | change))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"provider": "own"}, r"language_models\.big: Input tag 'own' .*'small', 'local'"),
        ({"provider": "small", "heads": 3}, r"small: heads: 3 heads of even width must divide"),
        ({"provider": "small", "model": "x"}, r"language_models\.big\.small\.model: unknown key"),
        ({"provider": "local"}, r"big\.local\.model: required key is missing"),
        ({"provider": "local", "model": "x", "revision": "main"}, r"big\.local\.revision: "),
        (
            {"provider": "local", "model": "x", "bits": 4, "lora": None},
            r"big\.local: bits: weights of 4 bits cannot be trained",
        ),
    ],
)
def test_a_wrong_language_model_is_refused(settings: dict[str, Any], message: str) -> None:
    made = content(x=ITEM)
    made["language_models"] = MODELS | {"big": settings}
    with pytest.raises(InputError, match=message):
        parse_config(made)


def test_the_documented_runs_are_accepted() -> None:
    page = (ROOT / "docs" / "prompt-tasks.md").read_text()
    documented = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    made = content(**documented["runs"])
    made["language_models"] = documented["language_models"]
    config = parse_config(made)
    assert [name for name, run in config.runs.items() if run.tuned] == ["gen_item"]


def test_a_service_cannot_be_held_to_the_catalogue() -> None:
    made = content(x=ITEM | {"language_model": "gpt"})
    made["language_models"] = MODELS | {"gpt": {"provider": "openai", "model": "gpt-4.1-nano"}}
    with pytest.raises(InputError, match=r"x\.parameters\.decoding: constrained needs a model of "):
        parse_config(made)


def test_a_model_that_learns_names_alone_is_asked_for_names_alone() -> None:
    names = {"provider": "small", "loss": "names"}
    made = content(x=ITEM | {"language_model": "names"})
    made["language_models"] = MODELS | {"names": names}
    assert parse_config(made).language_model_of("x").only_names
    made["runs"]["x"]["parameters"] = {"decoding": "free"}
    with pytest.raises(InputError, match=r"x\.language_model: names learns names only"):
        parse_config(made)


def test_a_prompted_run_is_no_component() -> None:
    blend = {"display": "B", "model": "blend", "components": ["v_sknn", "x"]}
    with pytest.raises(InputError, match=r"y\.components: x is prompted: it has lists and no scor"):
        parse_config(content(x=ITEM, y=blend))


def test_names_need_vectors_of_names() -> None:
    with pytest.raises(InputError, match=r"x\.embedding: .* brands .* template title_brand; give"):
        planned(x=ITEM | {"embedding": "brands"})


def test_a_model_out_of_reach_is_a_reason_not_to_run() -> None:
    away = {"language_model": "folder", "display": "Away"}
    made = content(x=ITEM | away, y=ITEM | away | {"display": "Z", "finetuned_by": "x"})
    made["datasets"]["tiny"] |= {"private": False, "sample": {}}
    plan = Plan(parse_config(made), ROOT)
    reason = "weights unavailable: no/such-model is neither"
    assert plan.not_run["tiny", "temporal", "x"].startswith(reason)


def test_lists_are_of_the_same_part_and_seed_and_of_the_sessions_in_question() -> None:
    sampled = {"display": "S", "model": "sknn", "parameters": {"sampling": "random"}}
    other = LIST | {"display": "O", "parameters": {"lists": "sampled"}}
    _, prompted = planned(sampled=sampled, x=LIST, y=other)
    folder = "results/tiny/temporal/fold2"
    training = prompted.prompt_inputs(job("x"))
    assert training["lists"] == f"{folder}/v_sknn/seed5/recommendations.train.parquet"
    asked = prompted.prompt_inputs(job("y", prompts="valid"))
    assert asked["lists"] == f"{folder}/sampled/seed6/recommendations.valid.parquet"
    assert "vectors" not in training
    assert "vectors" in prompted.resolution_inputs(job("x"))


def test_a_run_asks_the_model_of_another() -> None:
    borrowing = ITEM | {"display": "Free", "finetuned_by": "x", "parameters": {}}
    plan, prompted = planned(x=ITEM, y=borrowing)
    model = "results/tiny/temporal/fold2/x/seed6/language_model"
    assert prompted.asking_inputs(job("y"))["language_model"] == model
    assert (prompted.names, prompted.tuned) == ({"x", "y"}, {"x"})
    assert not {"x", "y"} & plan.fitted


def test_long_jobs_are_those_that_train_and_ask() -> None:
    borrowing = ITEM | {"display": "Free", "finetuned_by": "x", "parameters": {}}
    made = content(x=ITEM, y=borrowing)
    made["datasets"]["tiny"] |= {"private": False, "sample": {}}
    jobs = long_jobs(Plan(parse_config(made), ROOT))
    job = "tiny.temporal.full"
    assert jobs["finetune_llm"] == [f"{job}.x.seed5", f"{job}.x.seed6"]
    assert len(jobs["generate"]) == 4
    assert not {"train_model", "tie_sensitivity"} & set(jobs)


def test_what_is_asked_decides_no_prompt() -> None:
    cold = ITEM | {"display": "C", "parameters": {"sampling": {"temperature": 0}, "samples": 3}}
    long = ITEM | {"display": "L", "parameters": {"style": "plain"}}
    _, prompted = planned(x=ITEM, y=cold, z=long)
    params = {name: prompted.prompt_params(job(name)) for name in "xyz"}
    assert params["x"] == params["y"]
    assert prompted.tuning_params(job("x")) == prompted.tuning_params(job("y"))
    assert params["x"] != params["z"]
