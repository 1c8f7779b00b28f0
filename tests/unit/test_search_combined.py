"""Searches over combined runs: on components that were fitted on the folds before."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from llmseqrec.combinations import choose_combination
from llmseqrec.config import parse_config
from llmseqrec.contracts import TRIALS, read_table, write_json
from llmseqrec.errors import InputError
from llmseqrec.plan import Plan
from llmseqrec.registry import parameters_class
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles, recommend_run, train_run
from llmseqrec.tuned import as_tuned
from llmseqrec.tuning.merge import merge_search
from llmseqrec.tuning.objective import METRIC
from tests.conftest import ROOT, Tiny
from tests.unit.test_search_worker import Searched, Wildcards, prepared, searches_content

MIXED: dict[str, Any] = {
    "display": "Mixed",
    "model": "blend",
    "components": ["near", "sknn"],
    "parameters": {"step": 0.5},
}
SEARCH: dict[str, Any] = {
    "run": "mixed",
    "sampler": "grid",
    "trials": None,
    "patience": None,
    "ranges": {
        "normalisation": {"choices": ["range", "z_score"]},
        "components.sknn": {"choices": ["sknn", "v_sknn"]},
    },
}
BEST = {"display": "Best", "model": "blend", "params_from": "tuned", "search": "mixed"}
ITEMS = Path("results/tiny/items.parquet")


def combined_content(raw: Path) -> dict[str, Any]:
    content = searches_content(raw)
    content["runs"] |= {"mixed": MIXED, "best": BEST}
    content["searches"]["mixed"] = {"dataset": "tiny", "split": "temporal"} | SEARCH
    content["experiments"][0]["runs"].append("best")
    return content


@pytest.fixture
def combined(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Searched:
    """A prepared dataset whose components are fitted on every fold."""
    monkeypatch.chdir(tmp_path)
    made = prepared(tiny, tmp_path, combined_content(tiny.root / "raw"))
    for fold in made.folds("mixed"):
        for name, model in fold.components.items():
            run = made.plan.searches.components["tiny", name]
            train_run(run, RunFiles(ITEMS, train=fold.train), Identity(1), model.parent.parent)
    return made


def searched_folder(made: Searched) -> Path:
    """Where the search and its merging write."""
    folder = made.root / "merged"
    write_json(made.search("mixed"), folder / "worker.json")
    merge_search(
        {"all": folder / "worker.json"}, {"all": made.task("mixed")}, {"published": {}}, folder
    )
    return folder


def test_every_option_of_every_choice_has_the_value_that_choosing_gives_it(
    combined: Searched,
) -> None:
    frame = read_table(searched_folder(combined) / "trials.parquet", TRIALS)
    points = [orjson.loads(text) for text in frame["parameters"]]
    assert len(points) == 2 * 2 * 3  # normalisations, components, weights
    for normalisation in ("range", "z_score"):
        for second in ("sknn", "v_sknn"):
            named = {
                name: combined.plan.searches.components["tiny", name] for name in ("near", second)
            }
            parameters = {"step": 0.5, "normalisation": normalisation}
            run = ResolvedRun(
                model="blend",
                params_from="default",
                parameters=parameters_class("blend")(**parameters).model_dump(mode="json"),
                components=named,
            )
            parts = [
                (
                    RunFiles(
                        ITEMS,
                        train=fold.train,
                        components=tuple(fold.components[name] for name in named),
                    ),
                    fold.prompts,
                )
                for fold in combined.folds("mixed")
            ]
            for tried in choose_combination(run, parts, Identity(1))["tried"]:
                same = [
                    value
                    for point, value in zip(points, frame[METRIC], strict=True)
                    if point["normalisation"] == normalisation
                    and point["components.sknn"] == second
                    and orjson.loads(point["option"]) == tried["option"]
                ]
                assert same == [pytest.approx(tried["mean"], abs=1e-12)]


def test_the_winner_is_built_of_the_components_that_were_chosen(combined: Searched) -> None:
    best_file = searched_folder(combined) / "best.yaml"
    best = yaml.safe_load(best_file.read_text())
    chosen = ["near", best["chosen"]["components.sknn"]]
    assert list(best["run"]["components"]) == chosen
    weights = orjson.loads(best["chosen"]["option"])["weights"]
    assert best["parameters"]["weights"] == weights

    fold = combined.folds("mixed")[-1]
    every = tuple(reversed(fold.components.values()))  # in whatever order the plan has them
    files = RunFiles(ITEMS, train=fold.train, tuned=best_file, components=every)
    run = combined.plan.resolved["tiny", "best"]
    folder = combined.root / "fitted"
    train_run(run, files, Identity(1), folder)
    facts = orjson.loads((folder / "run.json").read_bytes())
    assert list(facts["run"]["components"]) == chosen
    assert [Path(path).parts[-4] for path in facts["files"]["components"]] == chosen
    model = folder / "model" / "model.safetensors"
    asked = recommend_run(run, replace(files, model=model), Identity(1), fold.prompts, 5)
    assert len(asked)
    assert as_tuned(run, files)[0].options == [{"weights": weights}]


def test_jobs_take_models_that_others_have_fitted(combined: Searched) -> None:
    plan = combined.plan
    models = [
        f"results/tiny/temporal/{fold}/{name}/seed1/model/model.safetensors"
        for fold in ("fold1", "fold2", "fold3")
        for name in ("near", "sknn", "v_sknn")
    ]
    assert combined.inputs("mixed")["fold_components"] == models
    assert {"near", "sknn", "v_sknn"} <= {run for _, run in plan.resolved}

    class Job(Wildcards):
        run, part, seed = "best", "full", "1"

    inputs = plan.run_inputs(Job("mixed"))
    assert [Path(path).parts[-4] for path in inputs["components"]] == ["near", "sknn", "v_sknn"]
    assert "choice" not in inputs  # best.yaml holds it
    assert not plan.not_run


@pytest.mark.parametrize(
    ("ranges", "reason"),
    [
        ({"components.nobody": {"choices": ["sknn"]}}, "components.nobody: mixed has no such"),
        ({"components.sknn": {"choices": ["nobody"]}}, "components: 'nobody' is not defined"),
        ({"components.sknn": {"choices": ["best"]}}, "components: best is the result of a search"),
        ({"components.sknn": {"low": 1, "high": 2}}, "components.sknn: takes choices"),
    ],
)
def test_bad_places_are_refused(tmp_path: Path, ranges: dict[str, Any], reason: str) -> None:
    (tmp_path / "rows.csv").touch()
    content = combined_content(tmp_path)
    content["searches"]["mixed"] = content["searches"]["mixed"] | {"ranges": ranges}
    with pytest.raises(InputError, match=reason):
        Plan(parse_config(content), ROOT)


def test_a_run_that_stands_twice_in_a_blend_fails_its_trials(combined: Searched) -> None:
    content = combined.plan.searches.task("mixed", "all")
    task = combined.task("mixed")
    objective = task.objective(ITEMS, combined.folds("mixed"), Identity(1))
    with pytest.raises(InputError, match="near, near: a component is named twice"):
        objective.run_of({"components.sknn": "near"})
    assert content["components"].keys() == {"near", "sknn", "v_sknn"}
