"""Resolved runs, and reasons why something cannot be run here."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llmseqrec.config import Config, parse_config, read_config
from llmseqrec.errors import InputError
from llmseqrec.plan import Plan
from llmseqrec.registry import MODELS
from llmseqrec.resolve import (
    dataset_need,
    external_path,
    read_published,
    reduction_name,
    resolve_run,
    run_need,
)
from tests.conftest import ROOT, tiny_content

PUBLISHED = ROOT / "config" / "published"


def config_of(runs: dict[str, Any] | None = None, **dataset: Any) -> Config:
    content = tiny_content(Path("raw"))
    content["datasets"]["tiny"] |= dataset
    content["embeddings"] = {"minilm": {}, "lost": {"model": "no/such-model"}}
    content["reductions"] = {"whitened": {"method": "pca_whitening"}}
    content["runs"] |= runs or {}
    return parse_config(content)


def sknn(**fields: Any) -> dict[str, Any]:
    return {"v_sknn": {"display": "V-SKNN", "model": "sknn", **fields}}


def test_defaults_then_published_then_overrides() -> None:
    default = resolve_run(config_of(), "tiny", "v_sknn", PUBLISHED)
    published = config_of(sknn(params_from="published"), published="beauty")
    found = resolve_run(published, "tiny", "v_sknn", PUBLISHED)
    changed = sknn(params_from="published", parameters={"k": 7})
    overridden = resolve_run(config_of(changed, borrows="beauty"), "tiny", "v_sknn", PUBLISHED)
    optimum = read_published(PUBLISHED, "beauty")["runs"]["v_sknn"]["parameters"]
    assert default.parameters["k"] == 500
    assert default.parameters["decay"] == "linear"
    assert {name: found.parameters[name] for name in optimum} == optimum
    assert overridden.parameters == found.parameters | {"k": 7}


def test_published_parameters_that_do_not_exist_are_named() -> None:
    config = config_of(sknn(params_from="published", published_as="gsasrec"), published="beauty")
    with pytest.raises(InputError, match=r"runs\.v_sknn: no published parameters of 'gsasrec'"):
        resolve_run(config, "tiny", "v_sknn", PUBLISHED)
    config = config_of(sknn(params_from="published"), published="beuty")
    with pytest.raises(InputError, match=r"beuty\.yaml: no such file"):
        resolve_run(config, "tiny", "v_sknn", PUBLISHED)


def test_published_parameters_of_another_model_are_refused() -> None:
    config = config_of(sknn(params_from="published", published_as="sasrec"), published="beauty")
    with pytest.raises(InputError, match=r"v_sknn: 'sasrec' is published for sasrec, not sknn"):
        resolve_run(config, "tiny", "v_sknn", PUBLISHED)


@pytest.mark.parametrize("name", ["beauty", "steam", "delivery_hero"])
def test_published_optima_fit_the_models(name: str) -> None:
    content = read_published(PUBLISHED, name)
    for run, entry in content["runs"].items():
        fields = {"display": run, "model": entry["model"], "params_from": "published"}
        if "reduction" in entry or MODELS[entry["model"]].needs_embedding:
            fields["embedding"] = "minilm"
        found = resolve_run(config_of({run: fields}, published=name), "tiny", run, PUBLISHED)
        assert found.parameters.items() >= entry["parameters"].items()


def llm2sasrec(**fields: Any) -> Config:
    run = {"display": "L", "model": "sasrec", "params_from": "published", **fields}
    return config_of({"llm2sasrec": run}, published="beauty")


def test_published_reduction_applies_as_wide_as_the_model() -> None:
    config = llm2sasrec(embedding="minilm")
    found = resolve_run(config, "tiny", "llm2sasrec", PUBLISHED)
    assert found.reduction is not None
    assert found.parameters["dim"] == 448
    assert found.reduction.model_dump(include={"method", "dimensions", "normalise"}) == {
        "method": "pca",
        "dimensions": 448,
        "normalise": False,
    }
    assert reduction_name(config.runs["llm2sasrec"], found.reduction) == "published_pca_448"
    narrow = llm2sasrec(embedding="minilm", parameters={"dim": 32})
    reduction = resolve_run(narrow, "tiny", "llm2sasrec", PUBLISHED).reduction
    assert reduction is not None
    assert reduction.dimensions == 32


def test_a_reduction_that_the_run_names_replaces_the_published_one() -> None:
    config = llm2sasrec(embedding="minilm", reduction="whitened")
    found = resolve_run(config, "tiny", "llm2sasrec", PUBLISHED)
    assert found.reduction == config.reductions["whitened"]
    assert reduction_name(config.runs["llm2sasrec"], found.reduction) == "whitened"


def test_published_settings_with_a_reduction_need_an_embedding() -> None:
    with pytest.raises(InputError, match=r"runs\.llm2sasrec: .* need an embedding: name one"):
        resolve_run(llm2sasrec(), "tiny", "llm2sasrec", PUBLISHED)


def test_settings_of_ones_own_have_no_reduction_but_the_named_one() -> None:
    config = llm2sasrec(embedding="minilm", params_from="default")
    found = resolve_run(config, "tiny", "llm2sasrec", PUBLISHED).reduction
    assert found is None
    assert reduction_name(config.runs["llm2sasrec"], found) is None


def test_the_template_of_the_dataset_applies_unless_the_embedding_has_one() -> None:
    run = {"sim": {"display": "Sim", "model": "llm_seq_sim", "embedding": "minilm"}}
    resolved = resolve_run(
        config_of(run, template="title_brand_categories"), "tiny", "sim", PUBLISHED
    )
    assert resolved.embedding is not None
    assert resolved.embedding.template == "title_brand_categories"


def test_only_runs_that_use_chance_are_stochastic() -> None:
    random = config_of(sknn(parameters={"sampling": "random"}))
    assert resolve_run(random, "tiny", "v_sknn", PUBLISHED).stochastic
    assert not resolve_run(config_of(), "tiny", "v_sknn", PUBLISHED).stochastic


def need(**dataset: Any) -> str | None:
    return dataset_need("tiny", config_of(**dataset).datasets["tiny"])


def test_what_a_dataset_lacks(tmp_path: Path) -> None:
    raw = {"interactions": {"name": "rows.csv"}}
    assert need(raw_dir=None, private=True) == "private data: set raw_dir"
    assert need(raw_dir=None, raw=raw) == "no url of its interactions file: set raw_dir"
    with_url = {"interactions": {"name": "rows.csv", "url": "http://localhost/rows.csv"}}
    assert need(raw_dir=None, raw=with_url) is None
    with pytest.raises(
        InputError, match=r"datasets\.tiny\.raw\.interactions: no such file: .*rows"
    ):
        need(raw_dir=str(tmp_path))
    (tmp_path / "rows.csv").touch()
    assert need(raw_dir=str(tmp_path), private=True) is None


def external(path: str) -> Config:
    fields = {"display": "Ext", "model": "external", "parameters": {"path": path}}
    return config_of({"ext": fields})


def lack(config: Config, name: str) -> str | None:
    split = config.experiments[0].split
    resolved = {("tiny", name): resolve_run(config, "tiny", name, PUBLISHED)}
    return run_need(config, resolved, ("tiny", split, name))


def test_what_a_run_lacks(tmp_path: Path) -> None:
    lost = {"display": "Sim", "model": "llm_seq_sim", "embedding": "lost"}
    reason = lack(config_of({"sim": lost}), "sim") or ""
    assert reason.startswith("weights unavailable: no/such-model")
    assert lack(config_of(), "v_sknn") is None
    template = str(tmp_path / "{dataset}.{split}.csv")
    reason = lack(external(template), "ext")
    assert reason == f"no file {tmp_path / 'tiny.temporal.csv'}"
    (tmp_path / "tiny.temporal.csv").touch()
    assert lack(external(template), "ext") is None


def test_recent_sessions_are_not_known_without_times() -> None:
    split = {"leave_one_out": {"protocol": "leave_one_out"}}
    untimed = {"columns": {"timestamp": None, "order": "time"}, "splits": split}
    content = tiny_content(Path("raw"))
    content["datasets"]["tiny"] |= untimed
    content["experiments"][0]["split"] = "leave_one_out"
    assert "time stamps" in (lack(parse_config(content), "v_sknn") or "")
    content["runs"]["v_sknn"]["parameters"] = {"sampling": "random"}
    assert lack(parse_config(content), "v_sknn") is None


@pytest.mark.parametrize("template", ["{run}.csv", "{}.csv", "{dataset.csv", "{dataset.x}.csv"])
def test_unknown_placeholders_are_refused(template: str) -> None:
    with pytest.raises(InputError, match=r"only \{dataset\} and \{split\} are filled in"):
        external_path(template, "tiny", "temporal")


def test_a_run_on_other_vectors_stands_beside_no_published_row() -> None:
    """It would be compared with what the study had from a paid service."""
    plan = Plan(read_config(ROOT / "config" / "config.yaml"), ROOT)
    rows = plan.leaderboard_runs(SimpleNamespace(dataset="beauty", split="published"))
    assert rows["v_sknn"]["row"] == "V_SKNN"
    assert rows["sasrec_published"]["row"] == "SASRec"
    assert rows["llm2sasrec"]["row"] is None


def test_runs_that_use_chance_are_told_from_others_where_there_is_one_seed(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").touch()
    content = tiny_content(tmp_path)
    content["runs"]["v_sknn"]["parameters"] = {"sampling": "random"}
    where = SimpleNamespace(dataset="tiny", split="temporal")
    found = [
        Plan(parse_config(content | {"seeds": seeds}), ROOT).one_seed_runs(where)
        for seeds in ([1], [1, 2])
    ]
    assert found == [["v_sknn"], []]


def test_a_run_of_no_experiment_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").touch()
    content = tiny_content(tmp_path)
    content["experiments"][0]["runs"] = ["most_popular"]
    plan = Plan(parse_config(content), ROOT)
    asked = SimpleNamespace(dataset="tiny", split="temporal", part="full", run="v_sknn")
    line = "^experiments: none on tiny has the run v_sknn; add it to one$"
    for params in (plan.run_params, plan.gpu_of):
        with pytest.raises(InputError, match=line):
            params(asked)
