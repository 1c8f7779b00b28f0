"""Which runs are tested against which when the configuration does not say."""

from pathlib import Path
from typing import Any

import pytest

from llmseqrec.config import parse_config
from llmseqrec.errors import InputError
from llmseqrec.plan_comparisons import pairs_of
from tests.conftest import tiny_content

VECTORS = {"embedding": "minilm"}
RUNS: dict[str, dict[str, Any]] = {
    "popular": {"model": "most_popular"},
    "s_sknn": {"model": "sknn", "params_from": "published"},
    "v_sknn": {"model": "sknn", "params_from": "published"},
    "sknn_emb": {"model": "sknn_emb", "params_from": "published", **VECTORS},
    "similar": {"model": "llm_seq_sim", **VECTORS},
    "sasrec_published": {"model": "sasrec", "params_from": "published"},
    "sasrec": {"model": "sasrec"},
    "llm2sasrec": {"model": "sasrec", **VECTORS},
    "llm2sasrec_published": {"model": "sasrec", "params_from": "published", **VECTORS},
    "permuted": {
        "model": "sasrec",
        "parameters": {"item_vectors": {"control": "permuted"}},
        **VECTORS,
    },
    "svd": {"model": "sasrec", "parameters": {"item_vectors": {"control": "svd"}}},
    "words": {"model": "sasrec", "embedding": "words"},
    "llm2gru4rec": {"model": "gru4rec", **VECTORS},
    "searched": {"model": "sasrec", "params_from": "tuned", "search": "with"},
    "plainly_searched": {"model": "sasrec", "params_from": "tuned", "search": "without"},
}


def config_of(**changes: Any) -> Any:
    content = tiny_content(Path("raw")) | changes
    content["embeddings"] = {"minilm": {}, "words": {"provider": "hashed_words"}}
    content["searches"] = {
        name: {"run": run, "dataset": "tiny", "split": "temporal"}
        for name, run in (("with", "llm2sasrec"), ("without", "sasrec"))
    }
    content["runs"] = content["runs"] | {
        name: {"display": name.upper(), **run} for name, run in RUNS.items()
    }
    return parse_config(content)


def test_each_form_with_vectors_stands_against_its_plain_form() -> None:
    runs = [name for name in RUNS if name != "svd"]
    assert pairs_of(config_of(), runs, ["v_sknn"]) == [
        ["sknn_emb", "v_sknn"],
        ["llm2sasrec", "sasrec"],
        ["llm2sasrec_published", "sasrec_published"],
        ["searched", "plainly_searched"],
    ]


def test_without_the_nearest_plain_form_another_one_stands_in() -> None:
    runs = ["s_sknn", "sknn_emb", "llm2sasrec", "sasrec_published"]
    expected = [["sknn_emb", "s_sknn"], ["llm2sasrec", "sasrec_published"]]
    assert pairs_of(config_of(), runs, []) == expected


def test_no_tuned_run_stands_against_an_untuned_one() -> None:
    assert pairs_of(config_of(), ["searched", "sasrec", "sasrec_published"], ["sasrec"]) == []
    assert pairs_of(config_of(), ["llm2sasrec", "plainly_searched"], []) == []


def test_a_control_is_no_plain_form() -> None:
    assert pairs_of(config_of(), ["svd", "llm2sasrec", "permuted", "words"], []) == []


@pytest.mark.parametrize("wrapped", [False, True])
def test_configured_pairs_of_runs_that_are_done_win(wrapped: bool) -> None:
    pairs = [["s_sknn", "popular"], ["s_sknn", "sasrec"]]
    config = config_of(comparisons={"pairs": pairs} if wrapped else pairs)
    assert pairs_of(config, ["s_sknn", "popular"], []) == [["s_sknn", "popular"]]
    assert pairs_of(config_of(comparisons=[]), list(RUNS), []) == []
    assert config_of(comparisons=None).comparisons == config_of().comparisons


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ([["s_sknn", "popular"], ["popular", "s_sknn"]], "popular and s_sknn are a pair already"),
        ([["s_sknn", "popular"], ["s_sknn", "popular"]], "s_sknn and popular are a pair already"),
        ([["popular", "popular"]], "popular stands against itself"),
    ],
)
def test_a_pair_that_tests_nothing_new_is_refused(pairs: list[list[str]], reason: str) -> None:
    for given in (pairs, {"pairs": pairs}):
        with pytest.raises(InputError, match=rf"^config: comparisons.pairs: .*{reason}$"):
            config_of(comparisons=given)


def test_statements_are_of_the_metric_named_or_the_longest_lists() -> None:
    config = config_of(comparisons={"metric": "hr@1"})
    assert config.comparisons.metric_at(config.cutoffs) == "hr@1"
    assert config_of().comparisons.metric_at([1, 5]) == "ndcg@5"
    with pytest.raises(InputError, match=r"unknown comparisons.metric 'catcov@5'; known: hr@1"):
        config_of(comparisons={"metric": "catcov@5"})
