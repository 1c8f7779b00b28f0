"""From training sessions to lists through a language model: prompts, answers, names, items."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from llmseqrec.arrays import write_array
from llmseqrec.config import Embedding, SmallModelSettings
from llmseqrec.contracts import (
    ANSWERS,
    ITEMS,
    RECOMMENDATIONS,
    STEP_HISTORY,
    read_table,
    write_json,
    write_table,
)
from llmseqrec.errors import InputError
from llmseqrec.generations import (
    generate,
    open_nearest,
    open_provider,
    prompted_facts,
    resolve_generations,
    tuning_place,
)
from llmseqrec.llm.prompt_files import Line, read_examples, read_prompts, write_prompts
from llmseqrec.llm.prompts import Prompt
from llmseqrec.llm.providers.base import LLMProvider, TuningFiles
from llmseqrec.prompting import (
    Task,
    TaskFiles,
    asked_cases,
    open_task,
    write_questions,
    write_training_prompts,
)
from llmseqrec.provenance import file_digest
from llmseqrec.registry import parameters_class
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity
from llmseqrec.uploads import Permission
from llmseqrec.vector_facts import texts_sha256
from tests.conftest import ROOT, Tiny

SETTINGS = SmallModelSettings(
    provider="small",
    dim=32,
    layers=1,
    heads=2,
    key_heads=2,
    inner=64,
    context=256,
    vocabulary=300,
    epochs=30,
    learning_rate=0.01,
    warmup_steps=5,
    checkpoint_steps=20,
    batch_tokens=512,
)
FILES = ("training.jsonl", "validation.jsonl", "names.json")
CASES = {"cases": {"validation": 4}}
TASKS: dict[str, dict[str, Any]] = {
    "gen_item": {"style": "items", "decoding": "constrained", "samples": 5, "k": 5},
    "gen_list": {"lists": "v_sknn", "k": 3},
    "class": {"clusters": 4, "k": 3},
    "rank": {"lists": "v_sknn", "k": 3},
}
FREE = {"sampling": {"temperature": 1.0, "max_tokens": 100}}


NAMES = SETTINGS.model_copy(update={"loss": "names"})


def run_of(model: str, settings: SmallModelSettings = SETTINGS, **parameters: Any) -> ResolvedRun:
    given = TASKS[model] | CASES | parameters
    return ResolvedRun(
        model=model,
        params_from="default",
        parameters=parameters_class(model)(**given).model_dump(mode="json"),
        embedding=Embedding(template="title"),
        language_model=settings,
    )


@pytest.fixture(scope="module")
def inputs(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Files of a task: random item vectors, and the same list for every session."""
    folder = tmp_path_factory.mktemp("inputs")
    titles = read_table(tiny.folder / "items.parquet", ITEMS)["title"].tolist()
    vectors = np.random.default_rng(0).normal(size=(len(titles), 384)).astype(np.float32)
    write_array(vectors, folder / "minilm.npy")
    facts = {
        "vectors_sha256": file_digest(folder / "minilm.npy"),
        "texts_sha256": texts_sha256(titles),
    }
    write_json(facts, folder / "minilm.json")
    rows = [(session, rank, rank) for session in range(40) for rank in (1, 2, 3, 4)]
    lists = pd.DataFrame(rows, columns=["session_id", "rank", "item_id"]).assign(score=0.5)
    write_table(lists, folder / "lists.parquet", RECOMMENDATIONS)
    part = tiny.folder / "temporal" / "full"
    return SimpleNamespace(
        catalogue=tiny.folder / "items.parquet",
        preparation=tiny.folder / "preparation.json",
        train=part / "train",
        vectors=folder / "minilm.npy",
        lists=folder / "lists.parquet",
        prompts=part / "test",
    )


def files_of(inputs: Any, model: str) -> TaskFiles:
    template = ROOT / "config" / "prompts" / f"{model}.yaml"
    return TaskFiles.of(SimpleNamespace(**vars(inputs), template=template))


def provider_of(settings: Any = SETTINGS) -> LLMProvider[Any]:
    return open_provider(settings, "cpu", Permission())


def tune(task: Task, inputs: Any, folder: Path, settings: Any = SETTINGS) -> Path:
    """Prompts and a model trained on them; the folder of the model."""
    write_training_prompts(task, inputs.train, 1, None, folder)
    files = TuningFiles(*(folder / name for name in FILES))
    place = tuning_place(folder / "language_model", 1, "tiny", [str(folder)])
    provider_of(settings).finetune(files, place)
    assert not place.state.exists()
    return place.model


@pytest.mark.parametrize("model", TASKS)
def test_every_task_goes_from_sessions_to_lists(
    model: str, inputs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run, files = run_of(model, **FREE), files_of(inputs, model)
    task = open_task(run, files, 1)
    tuned = tune(task, inputs, tmp_path)
    write_questions(task, inputs.prompts, tmp_path / "test.jsonl")
    answers = generate(task, provider_of(), tuned, tmp_path / "test.jsonl", 1)
    write_table(answers, tmp_path / "answers.parquet", ANSWERS)
    cases = asked_cases(task, inputs.prompts)
    nearest = open_nearest(task, run, files, "cpu", Permission())
    lists, names = resolve_generations(task, cases, answers, nearest)
    write_table(lists, tmp_path / "lists.parquet", RECOMMENDATIONS)
    assert set(lists["session_id"]) <= {case.session_id for case in cases}
    assert lists["rank"].max() <= task.parameters.k
    assert names["prompts"] == len(cases) == 8
    assert names["answers"] == 8 * task.answers
    history = read_table(tuned / "history.parquet", STEP_HISTORY)
    assert history["loss"].iloc[-1] < 0.5 * history["loss"].iloc[0]
    facts = prompted_facts(run, TaskFiles(files.run, files.template, None, tuned), Identity(1))
    assert facts["language_model"]["steps"] == history["step"].iloc[-1]


@pytest.mark.parametrize("settings", [SETTINGS, NAMES], ids=["tokens", "names"])
def test_what_is_constrained_stays_in_the_catalogue_and_what_is_learned_is_found(
    settings: SmallModelSettings, inputs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run, files = run_of("gen_item", settings), files_of(inputs, "gen_item")
    task = open_task(run, files, 1)
    tuned = tune(task, inputs, tmp_path, settings)
    write_questions(task, inputs.train, tmp_path / "train.jsonl")
    answers = generate(task, provider_of(settings), tuned, tmp_path / "train.jsonl", 1)
    cases = asked_cases(task, inputs.train)
    nearest = open_nearest(task, run, files, "cpu", Permission())
    lists, names = resolve_generations(task, cases, answers, nearest)
    assert (names["hallucinated"], names["distinct"]) == (0, 32 * 5)
    assert (lists.groupby("session_id").size() == 5).all()
    # The next item of a session is one of its group, or the one that both groups have.
    first = lists[lists["rank"] == 1].set_index("session_id")["item_id"]
    groups = {case.session_id: {task.names[item][-2] for item in case.items} for case in cases}
    assert sum(task.names[first[s]][-2] in {*group, "u"} for s, group in groups.items()) >= 28
    without = open_task(run_of("gen_item", seen="drop"), files, 1)
    kept, _ = resolve_generations(without, cases, answers, nearest)
    shown = {(case.session_id, item) for case in cases for item in case.items}
    pairs = set(zip(kept["session_id"], kept["item_id"], strict=True))
    assert pairs == set(zip(lists["session_id"], lists["item_id"], strict=True)) - shown


def test_names_are_learned_only_where_answers_are_names(
    inputs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    task = open_task(run_of("gen_list", NAMES), files_of(inputs, "gen_list"), 1)
    with pytest.raises(InputError, match="loss: answers of this task are no names"):
        tune(task, inputs, tmp_path, NAMES)
    assert not (tmp_path / "language_model").exists()


def test_questions_have_no_answers_and_training_prompts_do(inputs: Any, tmp_path: Path) -> None:
    task = open_task(run_of("gen_item"), files_of(inputs, "gen_item"), 1)
    write_training_prompts(task, inputs.train, 1, None, tmp_path)
    write_questions(task, inputs.prompts, tmp_path / "test.jsonl")
    lines = read_prompts(tmp_path / "test.jsonl")
    assert [line.answer for line in lines] == [None] * 8
    with pytest.raises(InputError, match=r"test\.jsonl, line 1: no answer to train"):
        read_examples(tmp_path / "test.jsonl")
    assert len(read_examples(tmp_path / "validation.jsonl")) == 4
    assert all(example.answer for example in read_examples(tmp_path / "training.jsonl"))


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    prompt = Prompt("", "soap\n\u2028", "", False, None)
    write_prompts([Line(3, prompt, "oil"), Line(4, prompt)], path)
    assert read_prompts(path) == [Line(3, prompt, "oil"), Line(4, prompt)]
    *lines, end = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, b'{"session_id": 5}\n', end]))
    with pytest.raises(InputError, match=r"prompts\.jsonl, line 3: no prompt"):
        read_prompts(path)


def test_a_file_of_prompts_that_lacks_lines_or_was_changed_is_told(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    write_prompts([Line(n, Prompt("", "soap", "", False, None)) for n in (1, 2)], path)
    first, second, end = path.read_bytes().splitlines(keepends=True)
    told = {
        b"": "cut off after line 0",
        first: "cut off after line 1",
        first + second: "cut off after line 2",
        first + end: "its checksum does not fit",
        first + second.replace(b"soap", b"soup") + end: "its checksum does not fit",
        first + second + end + second: "line 4: behind the last line",
    }
    for content, reason in told.items():
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"prompts\.jsonl.*{reason}; build it again"):
            read_prompts(path)


def test_answers_of_other_sessions_are_refused(inputs: Any) -> None:
    task = open_task(run_of("rank"), files_of(inputs, "rank"), 1)
    rows = [(999, 1, "1. title of a0\n", float("nan"))]
    answers = pd.DataFrame(rows, columns=["session_id", "number", "answer", "score"])
    with pytest.raises(InputError, match="other sessions"):
        resolve_generations(task, asked_cases(task, inputs.prompts), answers, None)
