"""Searches over ways of asking: models trained once a fold are asked anew and never trained."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pytest

from llmseqrec.config import parse_config
from llmseqrec.contracts import TRIALS, read_table, write_json
from llmseqrec.errors import InputError
from llmseqrec.generations import generate, open_nearest, open_provider, resolve_generations
from llmseqrec.llm.providers.base import Place, TuningFiles
from llmseqrec.llm.providers.small import SmallProvider
from llmseqrec.plan import Plan
from llmseqrec.plan_prompts import PromptedRuns
from llmseqrec.prompting import (
    TaskFiles,
    asked_cases,
    open_task,
    write_questions,
    write_training_prompts,
)
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles
from llmseqrec.sessions import Prompts
from llmseqrec.tuning.merge import merge_search
from llmseqrec.tuning.objective import METRIC, Asker, Fold
from llmseqrec.tuning.worker import Task, search_run
from llmseqrec.uploads import Permission
from tests.conftest import ROOT, Tiny
from tests.unit.test_generations import SETTINGS
from tests.unit.test_search_worker import Searched, Wildcards, embed, prepared, searches_content

ITEMS = Path("results/tiny/items.parquet")
ASKED: dict[str, Any] = {
    "display": "GenItem",
    "model": "gen_item",
    "language_model": "small",
    "embedding": "title_words",
    "parameters": {
        "style": "items",
        "samples": 3,
        "sampling": {"max_tokens": 12},
        "cases": {"validation": 2},
    },
}
SEARCH: dict[str, Any] = {
    "run": "asked",
    "dataset": "tiny",
    "split": "temporal",
    "sampler": "grid",
    "trials": None,
    "patience": None,
    "ranges": {
        "sampling.temperature": {"choices": [0.25, 1.5]},
        "ranking": {"choices": ["frequency", "first_appearance"]},
    },
}


def asked_content(raw: Path) -> dict[str, Any]:
    content = searches_content(raw)
    content["datasets"]["tiny"]["splits"]["temporal"]["folds"] = 2
    words = content["embeddings"]["words"]
    content["embeddings"]["title_words"] = words | {"template": "title"}
    settings = SETTINGS.model_copy(update={"epochs": 2}).model_dump(mode="json")
    content["language_models"] = {"small": settings}
    content["runs"]["asked"] = ASKED
    content["searches"] = {"asked": SEARCH}
    return content


def job_of(made: Searched) -> tuple[Task, list[Fold]]:
    """What the rule is told."""
    prompted = PromptedRuns(made.plan)
    names = prompted.searched_files(Wildcards("asked"))
    task = Task.of(made.plan.searches.task("asked", "all") | {"asked": names})
    inputs = made.inputs("asked") | prompted.search_inputs(Wildcards("asked"))
    return task, task.folds(SimpleNamespace(**inputs))


@pytest.fixture
def asked(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Searched:
    """A dataset with two folds, and a small model trained on each."""
    monkeypatch.chdir(tmp_path)
    made = prepared(tiny, tmp_path, asked_content(tiny.root / "raw"))
    embed(made)
    for kind in ("npy", "json"):
        Path(f"results/tiny/embeddings/words.{kind}").rename(
            f"results/tiny/embeddings/title_words.{kind}"
        )
    run = made.plan.resolved["tiny", "asked"]
    provider = open_provider(SETTINGS.model_copy(update={"epochs": 2}), "cpu", Permission())
    for fold in job_of(made)[1]:
        folder = fold.asked["questions"].parent
        task = open_task(run, files_of(fold), 1)
        write_training_prompts(task, fold.train, 1, None, folder)
        write_questions(task, fold.prompts, fold.asked["questions"])
        tuning = TuningFiles(folder / "training.jsonl", folder / "validation.jsonl")
        place = Place(fold.asked["language_model"], made.root / "state" / folder.name, 1, "x")
        provider.finetune(tuning, place)
    return made


def files_of(fold: Fold) -> TaskFiles:
    shared = RunFiles(ITEMS, train=fold.train, vectors=fold.asked["vectors"])
    return TaskFiles(shared, fold.asked["template"], language_model=fold.asked["language_model"])


def by_hand(run: ResolvedRun, fold: Fold) -> float:
    """NDCG@20 of the lists of a run that is asked on its own."""
    files = files_of(fold)
    task = open_task(run, files, 1)
    provider = open_provider(SETTINGS, "cpu", Permission())
    answers = generate(task, provider, files.language_model, fold.asked["questions"], 1)
    nearest = open_nearest(task, run, files, "cpu", Permission())
    cases = asked_cases(task, fold.prompts)
    lists, _ = resolve_generations(task, cases, answers, nearest)
    prompts = Prompts.load(fold.prompts)
    wanted = dict(zip(prompts.sessions.session_ids.tolist(), prompts.targets.tolist(), strict=True))
    hits = [row for row in lists.itertuples() if wanted[row.session_id] == row.item_id]
    return sum(1 / np.log2(row.rank + 1) for row in hits if row.rank <= 20) / len(wanted)


def test_models_of_the_folds_are_asked_once_for_each_way_of_sampling(
    asked: Searched, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[Any] = []
    answers = SmallProvider.answers

    def counted(provider: SmallProvider, *given: Any) -> Any:
        questions.append(given)
        return answers(provider, *given)

    monkeypatch.setattr(SmallProvider, "answers", counted)
    monkeypatch.setattr(SmallProvider, "finetune", None)
    task, folds = job_of(asked)
    asker = Asker(SETTINGS, Permission())
    found = search_run(task, ITEMS, folds, Identity(1), asker)
    assert (found["done"], found["ended"]) == (4, "space")
    assert len(questions) == 2 * 2  # temperatures, folds: two orders read the same answers
    write_json(found, asked.root / "worker.json")
    workers = {"all": asked.root / "worker.json"}
    merge_search(workers, {"all": task}, {}, asked.root / "out")
    frame = read_table(asked.root / "out" / "trials.parquet", TRIALS)
    row = frame[frame["parameters"].str.contains("1.5") & frame["parameters"].str.contains("freq")]
    point = orjson.loads(row["parameters"].iloc[0])
    run = task.objective(ITEMS, folds, Identity(1), asker).run_of(point)
    assert run.parameters["sampling"]["temperature"] == 1.5
    assert run.parameters["sampling"]["max_tokens"] == 12
    expected = [by_hand(run, fold) for fold in folds]
    assert list(row["folds"].iloc[0]) == pytest.approx(expected, abs=1e-12)
    assert row[METRIC].iloc[0] == pytest.approx(np.mean(expected), abs=1e-12)
    assert max(frame[METRIC]) > 0


def test_an_outage_ends_the_job_and_costs_no_trial(
    asked: Searched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise InputError("max_usd: 1 would be passed")

    task, folds = job_of(asked)
    asker = Asker(SETTINGS, Permission())
    with monkeypatch.context() as outage:
        outage.setattr(SmallProvider, "answers", away)
        for _ in range(4):  # more often than workers may die of a trial
            with pytest.raises(InputError, match="max_usd: 1 would be passed"):
                search_run(task, ITEMS, folds, Identity(1), asker)
    found = search_run(task, ITEMS, folds, Identity(1), asker)
    assert (found["done"], found["ended"]) == (4, "space")
    write_json(found, asked.root / "worker.json")
    merge_search({"all": asked.root / "worker.json"}, {"all": task}, {}, asked.root / "out")
    frame = read_table(asked.root / "out" / "trials.parquet", TRIALS)
    assert frame["state"].tolist() == ["complete"] * 4


def test_a_model_that_was_trained_anew_begins_a_new_study(asked: Searched) -> None:
    task, folds = job_of(asked)
    before = task.state_dir(ITEMS, folds, "")
    assert task.state_dir(ITEMS, folds, "") == before
    (weights,) = folds[0].asked["language_model"].rglob("*.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert task.state_dir(ITEMS, folds, "") != before


def test_answers_that_name_nothing_are_worth_nothing(
    asked: Searched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_: SmallProvider, model: Path, questions: list[Any], request: Any) -> Any:
        return [[""] * request.samples for _ in questions]

    monkeypatch.setattr(SmallProvider, "answers", silent)
    task, folds = job_of(asked)
    objective = task.objective(ITEMS, folds, Identity(1), Asker(SETTINGS, Permission()))
    assert objective.family_values([{}]) == [[0.0, 0.0]]


def test_the_search_reads_models_of_folds_and_no_test_set(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").touch()
    plan = Plan(parse_config(asked_content(tmp_path)), ROOT)
    paths = PromptedRuns(plan).search_inputs(Wildcards("asked"))["fold_asked"]
    home = "results/tiny/temporal/fold2/asked/seed1"
    assert f"{home}/language_model" in paths
    assert f"{home}/prompts/valid.jsonl" in paths
    assert not [path for path in paths if "test" in Path(path).parts or "/full/" in path]
    assert plan.searches.done == ["asked"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"cases.permute": {"choices": [True]}}, "cases.permute: of gen_item, only what is asked"),
        ({"embedding": {"choices": ["words"]}}, "embedding: of gen_item, only what is asked"),
    ],
)
def test_what_would_train_a_model_anew_is_refused(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    (tmp_path / "rows.csv").touch()
    content = asked_content(tmp_path)
    content["searches"]["asked"] = SEARCH | {"ranges": change}
    with pytest.raises(InputError, match=reason):
        Plan(parse_config(content), ROOT)


def test_a_prompted_run_is_not_tuned_by_itself(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").touch()
    content = asked_content(tmp_path)
    best = {"display": "Best", "model": "gen_item", "params_from": "tuned", "search": "asked"}
    content["runs"]["best"] = best
    with pytest.raises(InputError, match="a prompted run has its values from best"):
        parse_config(content)
