"""Choosing for combined runs: what is tried, on what, and what a saved one needs."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from llmseqrec.combinations import choose_combination, fold_files, mean_ndcg
from llmseqrec.components import load_components
from llmseqrec.contracts import read_json, write_json
from llmseqrec.data.splits import write_part
from llmseqrec.errors import InputError
from llmseqrec.evaluation.metrics import ItemCounts, evaluate
from llmseqrec.models.base import Catalogue
from llmseqrec.models.blend import Blend
from llmseqrec.models.combined_parameters import BlendParameters
from llmseqrec.predict import predict
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import RunFiles, build, train_run
from llmseqrec.sessions import Prompts, Sessions
from tests.conftest import Tiny
from tests.unit.stand_ins import Given, sessions_of
from tests.unit.trained import (
    IDENTITY,
    files_of,
    prompt_rows,
    run_of,
    train,
    with_components,
    write_vectors,
)

FOLDS = ("fold1", "fold2", "fold3")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder of its own."""
    monkeypatch.chdir(tmp_path)


def fitted_parts(run: ResolvedRun, tiny: Tiny, root: Path) -> list[tuple[RunFiles, Path]]:
    """Every fold with the components fitted on it."""
    files, parts = files_of(tiny, root), []
    for fold in FOLDS:
        folder = files.catalogue.parent / "temporal" / fold
        for subset in ("train", "valid"):
            split = tiny.dataset.splits["temporal"]
            write_part(tiny.folder, split, fold, subset, folder / subset)
        own = replace(files, train=folder / "train")
        for name, component in run.components.items():
            train_run(component, own, IDENTITY, folder / name / "seed4")
        models = [
            folder / name / "seed4" / "model" / "model.safetensors" for name in run.components
        ]
        parts.append((replace(own, components=tuple(models)), folder / "valid"))
    return parts


def ndcg_of(run: ResolvedRun, files: RunFiles, folder: Path) -> float:
    """By way of lists and the metrics."""
    recommender = build(run, files, IDENTITY.setting(run))
    recommender.fit(Sessions.load(files.train or Path()))
    prompts = Prompts.load(folder)
    items, _ = recommender.recommend(prompts.sessions, 20)
    counts = ItemCounts(np.ones(recommender.catalogue.n_items, dtype=np.int64))
    return evaluate(items, prompts.targets, counts, [20], 11).aggregate["ndcg@20"]


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("blend", {"step": 0.25}),
        ("sequential_hybrid", {"quantiles": [0.0, 0.9, 1.0]}),
        ("popularity_hybrid", {"length": 3}),
        ("embedding_ensemble", {"ranks": [0, 1, 2], "confidences": [0.5]}),
    ],
)
def test_values_are_those_of_the_lists_and_the_best_is_taken(
    model: str, parameters: dict[str, object], tiny: Tiny, tmp_path: Path
) -> None:
    run = run_of(model, **parameters)
    parts = fitted_parts(run, tiny, tmp_path)
    found = choose_combination(run, parts, IDENTITY)
    assert [tried["option"] for tried in found["tried"]] == run.options
    assert found["prompts"] == [len(Prompts.load(folder).targets) for _, folder in parts]
    for tried in found["tried"]:
        write_json({"chosen": tried["option"]}, tmp_path / "choice.json")
        own = [(replace(files, choice=tmp_path / "choice.json"), at) for files, at in parts]
        expected = [ndcg_of(run, files, folder) for files, folder in own]
        assert tried["parts"] == pytest.approx(expected, abs=1e-12)
        assert tried["mean"] == pytest.approx(np.mean(expected), abs=1e-12)
    means = [tried["mean"] for tried in found["tried"]]
    assert found["chosen"] == run.options[int(np.argmax(means))]


def test_the_useful_component_gets_the_weight() -> None:
    """One of two components knows the targets, the other ranks them last."""
    asked, wanted = sessions_of([[0]] * 6), np.array([3, 4, 5, 3, 4, 5], dtype=np.int32)
    right = Given(8, {str(n): [item, 1, 2] for n, item in enumerate(wanted)})
    wrong = Given(8, {str(n): [6, 7, 1, 2, item] for n, item in enumerate(wanted)})
    model = Blend(BlendParameters(step=0.5), Catalogue(8))
    model.combine([wrong, right])
    means = mean_ndcg(model, Prompts(asked, wanted), model.parameters.options(2))
    assert means.argmax() == 2
    assert means[2] == 1


def test_files_of_parts_come_in_their_order() -> None:
    inputs = SimpleNamespace(
        part_train=["f1/train", "f2/train"],
        part_prompts=["f1/valid", "f2/valid"],
        part_components=["a1", "b1", "a2", "b2"],
    )
    (first, asked), (second, _) = fold_files(RunFiles(Path("items.parquet")), inputs, 2)
    assert (first.components, second.components) == (
        (Path("a1"), Path("b1")),
        (Path("a2"), Path("b2")),
    )
    assert (first.train, asked) == (Path("f1/train"), Path("f1/valid"))


def test_a_fold_without_prompts_stops_it(tiny: Tiny, tmp_path: Path) -> None:
    run = run_of("blend")
    (files, folder), *_ = fitted_parts(run, tiny, tmp_path)
    prompts = Prompts.load(folder)
    Prompts(prompts.sessions.take(slice(0, 0)), prompts.targets[:0]).save(tmp_path / "none")
    with pytest.raises(InputError, match=r"none: no prompts to choose on"):
        choose_combination(run, [(files, tmp_path / "none")], IDENTITY)


@pytest.mark.parametrize(
    "again",
    [run_of("cooccurrence", popularity_exponent=1), run_of("sknn", k=1)],  # the latter's file stays
    ids=lambda run: run.model,
)
def test_a_component_that_was_trained_again_is_refused(
    again: ResolvedRun, tiny: Tiny, tmp_path: Path
) -> None:
    files = files_of(tiny, tmp_path)
    folder = train(run_of("blend"), files)
    predict(folder, prompt_rows(files))
    train(again, files)
    message = rf"{again.model}.*component_hashes of run\.json.*again"
    with pytest.raises(InputError, match=message):
        predict(folder, prompt_rows(files))


def test_a_component_with_other_vectors_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    """LLMSeqSim keeps nothing in its model, so that its file stays the same."""
    files = files_of(tiny, tmp_path, embedding=True)
    similar = run_of("llm_seq_sim", embedding=True)
    components = {"llm_seq_sim": similar, "sknn": run_of("sknn")}
    run = run_of("blend", weights=[1, 1]).model_copy(update={"components": components})
    folder = train(run, files)
    write_vectors(files.catalogue, files.vectors or Path(), seed=1)
    train(similar, replace(files))
    with pytest.raises(InputError, match=r"llm_seq_sim.*component_hashes of run\.json"):
        predict(folder, prompt_rows(files))


def test_an_absent_component_is_named(tiny: Tiny, tmp_path: Path) -> None:
    files = files_of(tiny, tmp_path)
    folder = train(run_of("blend"), files)
    (folder.parents[1] / "sknn" / "seed4" / "model" / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"sknn/seed4/model/model\.safetensors: no such file"):
        predict(folder, prompt_rows(files))


def test_facts_tell_the_components(tiny: Tiny, tmp_path: Path) -> None:
    facts = read_json(train(run_of("blend"), files_of(tiny, tmp_path)) / "run.json")
    assert facts["files"]["components"] == [
        "../../sknn/seed4/model/model.safetensors",
        "../../cooccurrence/seed4/model/model.safetensors",
    ]
    assert list(facts["run"]["components"]) == ["cooccurrence", "sknn"]  # keys are sorted
    assert len(facts["component_hashes"]) == 2


def test_a_run_needs_all_its_components(tiny: Tiny, tmp_path: Path) -> None:
    run = run_of("blend")
    models = with_components(run, files_of(tiny, tmp_path)).components
    with pytest.raises(InputError, match=r"^1 fitted components for 2 that it names"):
        load_components(run, models[:1])
