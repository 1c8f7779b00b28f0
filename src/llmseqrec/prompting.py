"""Prompts of a run: what a language model is trained on and asked, from sessions and names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import TypeAdapter

from llmseqrec.contracts import ITEMS, RECOMMENDATIONS, read_table, write_json
from llmseqrec.errors import InputError
from llmseqrec.llm.cases import Case, draw_cases, eligible_cases, test_cases
from llmseqrec.llm.categories import Categories, fit_categories
from llmseqrec.llm.names import Names
from llmseqrec.llm.parameters import ClassParameters, PromptTaskParameters
from llmseqrec.llm.prompt_files import Line, write_prompts
from llmseqrec.llm.prompts import Tokenize
from llmseqrec.llm.tasks import build_task
from llmseqrec.llm.tasks.base import PromptTask, TaskInputs
from llmseqrec.llm.templates import read_template
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import RunFiles, open_catalogue, read_prompts
from llmseqrec.sessions import Sessions

Task = PromptTask[Any]


@dataclass(frozen=True)
class TaskFiles:
    """Files a prompted run reads.

    Attributes:
        run: catalogue, training sessions and item vectors.
        template: the texts of the task.
        lists: recommendations of another run for the sessions in question, or None.
        language_model: folder of the fine-tuned model; None for the base model.
    """

    run: RunFiles
    template: Path
    lists: Path | None = None
    language_model: Path | None = None

    @classmethod
    def of(cls, inputs: Any) -> Self:
        """Take the fields from the attributes of a job's inputs."""
        found = {name: getattr(inputs, name, None) for name in ("lists", "language_model")}
        paths = {name: Path(path) for name, path in found.items() if path}
        return cls(RunFiles.of(inputs), Path(inputs.template), **paths)


def open_task(run: ResolvedRun, files: TaskFiles, seed: int) -> Task:
    """The task of a run.

    Raises:
        InputError: template, lists or vectors are not what the task needs.
    """
    parameters: Any = TypeAdapter(PromptTaskParameters).validate_python(run.parameters)
    titles = read_table(files.run.catalogue, ITEMS, ["title"])["title"]
    names = Names(titles.fillna(""), parameters.duplicates)
    inputs = TaskInputs(
        names=names,
        template=read_template(files.template, parameters.task, parameters.style),
        lists=_read_lists(files.lists) if files.lists else {},
        categories=_categories(run, files.run, names, parameters),
        seed=seed,
    )
    return build_task(parameters, inputs)


def write_training_prompts(
    task: Task, train: Path, seed: int, tokenize: Tokenize | None, folder: Path
) -> None:
    """Write training.jsonl, validation.jsonl, and names.json with every answer there can be.

    Args:
        task: of the run.
        train: folder of the training sessions.
        seed: of the order of cases, and of which validate.
        tokenize: of the model, for the limit of tokens; None: no limit.
        folder: where to.

    Raises:
        InputError: no case is left to train on.
    """
    parameters = task.parameters.cases
    eligible = eligible_cases(Sessions.load(train), task.names.named, parameters, seed)
    drawn = draw_cases(task.trainable(eligible, tokenize), parameters, seed)
    for name, cases in (("training", drawn.training), ("validation", drawn.validation)):
        write_prompts(_examples(task, cases), folder / f"{name}.jsonl")
    write_json(task.completions(), folder / "names.json")


def write_questions(task: Task, prompts: Path, target: Path) -> None:
    """Write the prompts of a folder, without answers; those of no item are left out."""
    lines = (Line(case.session_id, task.prompt(case)) for case in asked_cases(task, prompts))
    write_prompts(lines, target)


def asked_cases(task: Task, prompts: Path) -> list[Case]:
    """The cases of a folder of prompts that can be asked about: those with an item.

    Raises:
        InputError: a task of lists, and a session that has none.
    """
    cases = [case for case in test_cases(read_prompts(prompts).sessions) if case.items]
    if not cases:
        raise InputError(f"{prompts}: no prompt to ask")
    return cases


def _examples(task: Task, cases: Sequence[Case]) -> Iterator[Line]:
    for case in cases:
        example = task.example(case)
        yield Line(case.session_id, example.prompt, example.answer)


def _read_lists(path: Path) -> Mapping[int, list[int]]:
    """Lists by session, best first."""
    table = read_table(path, RECOMMENDATIONS, ["session_id", "item_id"])
    lists: dict[Any, list[int]] = table.groupby("session_id")["item_id"].agg(list).to_dict()
    return lists


def _categories(
    run: ResolvedRun, files: RunFiles, names: Names, parameters: Any
) -> Categories | None:
    """Items that stand for clusters, where the task has them."""
    if not isinstance(parameters, ClassParameters):
        return None
    vectors = open_catalogue(run, files).vectors
    if vectors is None or files.train is None:
        raise ValueError("Class needs item vectors and training sessions")
    counts = np.bincount(Sessions.load(files.train).items, minlength=len(names))
    weights = np.where(names.named, counts, 0)
    return fit_categories(vectors, weights, parameters.clusters, parameters.nearest)
