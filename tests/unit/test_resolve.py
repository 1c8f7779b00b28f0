"""Resolved runs, and reasons why something cannot be run here."""

from pathlib import Path
from typing import Any

import pytest

from llmseqrec.config import Config, parse_config
from llmseqrec.errors import InputError
from llmseqrec.resolve import dataset_need, external_path, read_published, resolve_run, run_need
from tests.conftest import ROOT, tiny_content

PUBLISHED = ROOT / "config" / "published"


def config_of(runs: dict[str, Any] | None = None, **dataset: Any) -> Config:
    content = tiny_content(Path("raw"))
    content["datasets"]["tiny"] |= dataset
    content["embeddings"] = {"minilm": {}, "lost": {"model": "no/such-model"}}
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


@pytest.mark.parametrize("name", ["beauty", "steam", "delivery_hero"])
def test_published_optima_fit_the_models(name: str) -> None:
    content = read_published(PUBLISHED, name)
    for run in content["runs"]:
        model = "llm_seq_sim" if run.startswith("llm") else "most_popular"
        model = "sknn" if run.endswith("sknn") else model
        fields = {"display": run, "model": model, "params_from": "published"}
        if model == "llm_seq_sim":
            fields["embedding"] = "minilm"
        found = resolve_run(config_of({run: fields}, published=name), "tiny", run, PUBLISHED)
        assert found.parameters.items() >= content["runs"][run]["parameters"].items()


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
    assert "no/such-model" in (lack(config_of({"sim": lost}), "sim") or "")
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
