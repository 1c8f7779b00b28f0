"""What searches read and write, and the lines of a configuration that are refused."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import update_config

from llmseqrec.config import parse_config
from llmseqrec.errors import InputError
from llmseqrec.plan import Plan
from tests.conftest import ROOT
from tests.unit.test_search_worker import Wildcards, searches_content


def planned(content: dict[str, Any]) -> Plan:
    return Plan(parse_config(content), ROOT)


def paths_in(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    values = value.values() if isinstance(value, dict) else value
    return [path for each in values for path in paths_in(each)]


@pytest.fixture
def content(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "rows.csv").touch()
    return searches_content(tmp_path)


@pytest.mark.parametrize("name", ["near", "sknn", "words", "neural"])
def test_a_search_reads_folds_and_no_test_set(content: dict[str, Any], name: str) -> None:
    plan = planned(content).searches
    inputs = paths_in(plan.inputs(Wildcards(name)))
    inputs += plan.worker_files(Wildcards(name))
    parts = [Path(path).parts for path in inputs]
    assert not [path for path in parts if "test" in path or "full" in path]
    assert not [path for path in inputs if "interactions" in path or "sessions.parquet" in path]
    assert [path for path in parts if path[-2:] == ("fold3", "valid")]


def test_all_workers_of_all_variants_are_asked_for(content: dict[str, Any]) -> None:
    content["searches"]["neural"]["workers"] = 2
    files = planned(content).searches.worker_files(Wildcards("neural"))
    names = [Path(path).name for path in files]
    assert names == [f"{v}.worker{n}.json" for v in ("clipped", "free") for n in (1, 2)]


def test_more_trials_do_not_change_what_decides_a_value(content: dict[str, Any]) -> None:
    before = parse_config(content).searches["near"].result
    content["searches"]["near"] |= {"trials": 999, "workers": 7, "patience": 1, "hours": 2}
    assert parse_config(content).searches["near"].result == before
    content["searches"]["near"]["epochs"] = "inner"  # of the winner only
    assert parse_config(content).searches["near"].result == before
    content["searches"]["near"]["seed"] = 3
    assert parse_config(content).searches["near"].result != before


def test_vectors_that_cannot_be_had_are_left_out_and_named(content: dict[str, Any]) -> None:
    content["embeddings"]["ada"] = {"provider": "openai"}
    words = content["searches"]["words"]
    words["ranges"] = {"embedding": {"choices": ["ada", "words"]}}
    plan = planned(content).searches
    assert plan.task("words", "all")["ranges"]["embedding"]["choices"] == ["words"]
    assert "upload" in plan.left_out(Wildcards("words"))["ada"]
    del words["ranges"]
    words["variants"] = {"paid": {"embedding": "ada"}, "own": {}}
    plan = planned(content).searches
    assert plan.variants("words") == ["own"]
    assert plan.task("words", "own")["candidates"][0]["embedding"] == "words"
    assert [Path(path).name for path in plan.worker_files(Wildcards("words"))] == [
        "own.worker1.json"
    ]


def test_a_variant_that_fixes_no_vectors_has_those_of_the_run(content: dict[str, Any]) -> None:
    content["embeddings"]["more"] = {"provider": "hashed_words", "dimensions": 32}
    content["searches"]["words"]["variants"] = {"more": {"embedding": "more"}, "own": {}}
    plan = planned(content).searches
    for variant, embedding in (("more", "more"), ("own", "words")):
        assert plan.task("words", variant)["candidates"][0]["embedding"] == embedding


def test_a_key_of_any_length_is_refused_in_a_short_line(content: dict[str, Any]) -> None:
    content["searches"]["near"]["ranges"] = {"k" * 5000: {"low": 1, "high": 2}}
    with pytest.raises(InputError, match=r"searches.near.ranges.kkk.*no such parameter") as refused:
        planned(content)
    assert len(str(refused.value)) < 300


def test_a_published_reduction_has_to_be_named(content: dict[str, Any]) -> None:
    content["datasets"]["tiny"]["borrows"] = "beauty"
    content["runs"]["near"] = {
        "display": "Published",
        "model": "sasrec",
        "params_from": "published",
        "published_as": "llm2sasrec",
        "embedding": "words",
    }
    with pytest.raises(InputError, match=r"searches.near.run: near takes a published reduction"):
        planned(content)
    content["reductions"] = {"pca8": {"method": "pca", "dimensions": 8}}
    content["searches"]["near"]["ranges"] = {"reduction": {"choices": ["pca8"]}}
    assert planned(content).searches.done


def test_a_tuned_run_depends_on_its_search(content: dict[str, Any]) -> None:
    content["runs"]["best"] = {
        "display": "Best",
        "model": "llm_seq_sim",
        "params_from": "tuned",
        "search": "words",
    }
    content["experiments"][0]["runs"].append("best")
    plan = planned(content)

    class Job(Wildcards):
        run, part, seed = "best", "full", "1"

    inputs = plan.run_inputs(Job("words"))
    assert inputs["tuned"] == "results/tiny/temporal/search/words/best.yaml"
    assert inputs["candidates"] == ["results/tiny/embeddings/words.npy"]
    assert not plan.not_run


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("near", {"run": "nobody"}, "searches.near.run: 'nobody' is not defined"),
    ("near", {"split": "leave_one_out"}, "searches.near.split: leave_one_out has no validation"),
    ("near", {"space": "nothing"}, "searches.near.space: no 'nothing' in config/spaces.yaml"),
    ("near", {"ranges": {"kk": {"choices": [1]}}}, "searches.near.ranges.kk: cooccurrence has no"),
    (
        "near",
        {"ranges": {"decay": {"choices": [None], "when": {"pooling": ["mean"]}}}},
        "searches.near.ranges.decay.when: pooling is not searched",
    ),
    (
        "near",
        {
            "ranges": {
                "decay": {"choices": [None], "when": {"distance_decay": ["log"]}},
                "distance_decay": {"choices": ["log"], "when": {"decay": [None]}},
            }
        },
        "searches.near.ranges.distance_decay.when: conditions that wait for each other",
    ),
    (
        "words",
        {"ranges": {"embedding": {"choices": ["mini"]}}},
        "searches.words.ranges.embedding: 'mini' is not defined",
    ),
    (
        "near",
        {"sampler": "grid", "ranges": {"popularity_exponent": {"low": 0.0, "high": 1.0}}},
        "searches.near.ranges.popularity_exponent: sampler grid needs a step",
    ),
    ("sknn", {"variants": {"a": {"kk": 1}}}, "searches.sknn.ranges.kk: sknn has no such"),
    ("sknn", {"first": [{"k": 51}]}, "searches.sknn.first[0].k: 51 is outside its range"),
    ("sknn", {"first": [{}, {"kk": 1}]}, "searches.sknn.first[1].kk: kk is not searched"),
    ("sknn", {"sampler": "grid", "first": [{"k": 50}]}, "first: a grid tries every value"),
]


@pytest.mark.parametrize(("name", "change", "reason"), BAD)
def test_a_bad_search_is_refused_by_its_line(
    content: dict[str, Any], name: str, change: dict[str, Any], reason: str
) -> None:
    content["searches"][name] |= change
    with pytest.raises(InputError, match=re.escape(reason)):
        planned(content)


TUNED = {"display": "Best", "model": "sknn", "params_from": "tuned", "search": "sknn"}


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (TUNED | {"search": None}, "params_from: tuned and search go together"),
        (TUNED | {"params_from": "default"}, "params_from: tuned and search go together"),
        (TUNED | {"parameters": {"k": 3}}, "a tuned run takes parameters and item vectors"),
        (TUNED | {"search": "nobody"}, "runs.best.search: 'nobody' is not defined"),
        (TUNED | {"search": "near"}, "runs.best.search: near searches cooccurrence"),
    ],
)
def test_a_bad_tuned_run_is_refused(
    content: dict[str, Any], run: dict[str, Any], reason: str
) -> None:
    content["runs"]["best"] = run
    with pytest.raises(InputError, match=reason):
        planned(content)


def test_a_tuned_run_stays_where_it_was_searched(content: dict[str, Any]) -> None:
    content["runs"]["best"] = TUNED
    content["experiments"].append(
        {"dataset": "tiny", "split": "temporal", "runs": ["best"], "parts": ["fold1"]}
    )
    with pytest.raises(InputError, match=r"runs.best.search: sknn is of tiny, temporal"):
        planned(content)


@pytest.mark.parametrize(
    ("overlay", "search", "values"),
    [
        ("beauty_search", "llm_seq_sim", {"similarity": "euclidean", "reduction": "lda64"}),
        ("beauty_search_combined", "sknn_emb", {"reduction": None, "training_decay": "harmonic"}),
        ("beauty_search_combined", "sequential", {"components.sknn_emb": "v_sknn"}),
        ("beauty_search_combined", "blend", {"normalisation": "z_score"}),
    ],
)
def test_what_the_study_searched_is_searched_on_beauty(
    overlay: str, search: str, values: dict[str, Any]
) -> None:
    content: dict[str, Any] = {}
    for path in ("config.yaml", f"overlays/{overlay}.yaml"):
        update_config(content, yaml.safe_load((ROOT / "config" / path).read_text()))
    plan = planned(content | {"only": ["beauty"]}).searches
    assert search in plan.done
    ranges = plan.task(search, plan.variants(search)[0])["ranges"]
    for name, value in values.items():
        assert value in ranges[name]["choices"]


def test_a_tuned_run_that_may_choose_other_vectors_stands_beside_no_published_row(
    content: dict[str, Any],
) -> None:
    content["datasets"]["tiny"]["published"] = "beauty"
    for run, model, search in (("llm_seq_sim", "llm_seq_sim", "words"), ("v_sknn", "sknn", "sknn")):
        settings = {"display": run, "model": model, "params_from": "tuned", "search": search}
        content["runs"][run] = settings
    plan = planned(content)
    assert plan.published_row("tiny", "llm_seq_sim") is None
    assert plan.published_row("tiny", "v_sknn") == "V_SKNN"
    content["runs"]["llm_seq_sim"]["table_row"] = "LLMSeqSim"
    assert planned(content).published_row("tiny", "llm_seq_sim") == "LLMSeqSim"
