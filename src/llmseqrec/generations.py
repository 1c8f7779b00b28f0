"""From a fine-tuned language model to recommendations: asking, reading answers, finding items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llmseqrec.config import LanguageModelSettings
from llmseqrec.contracts import read_json
from llmseqrec.device import resolve_device
from llmseqrec.errors import InputError
from llmseqrec.llm.cases import Case
from llmseqrec.llm.nearest import Nearest
from llmseqrec.llm.prompt_files import Line, read_prompts
from llmseqrec.llm.providers.base import LLMProvider, Place, Request
from llmseqrec.llm.resolve_names import report_names
from llmseqrec.prompting import Task, TaskFiles
from llmseqrec.provenance import digest, file_digest
from llmseqrec.registry import EMBEDDING_PROVIDERS, LLM_PROVIDERS, load
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, open_catalogue, run_facts
from llmseqrec.uploads import Permission


def open_provider(
    settings: LanguageModelSettings, device: str, permission: Permission
) -> LLMProvider[Any]:
    """The provider of a language model.

    Args:
        settings: of the configuration.
        device: auto, cpu, cuda or mps.
        permission: of the dataset whose texts it is to see.
    """
    provider: LLMProvider[Any] = load(LLM_PROVIDERS[settings.provider])(
        settings, resolve_device(device), permission
    )
    return provider


def generate(
    task: Task, provider: LLMProvider[Any], model: Path | None, questions: Path, seed: int
) -> pd.DataFrame:
    """Ask a model (contract ANSWERS).

    Args:
        task: tells how many answers, and how they are asked for.
        provider: of the model.
        model: folder of the fine-tuned model; None: the base model.
        questions: file of prompts.
        seed: of the chance.
    """
    lines = read_prompts(questions)
    prompts = [line.prompt for line in lines]
    parameters = task.parameters
    if parameters.constrained:
        found = provider.ranked(model, prompts, task.completions(), task.answers)
    else:
        request = Request(task.answers, parameters.sampling, seed)
        drawn = provider.answers(model, prompts, request)
        found = [[(text, float("nan")) for text in texts] for texts in drawn]
    return _answer_table(lines, found)


def resolve_generations(
    task: Task, cases: Sequence[Case], answers: pd.DataFrame, nearest: Nearest | None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Items for the names in answers.

    Lists of prompted runs have an order and no scores: a score is one over the rank.

    Args:
        task: of the run.
        cases: the prompts that were asked.
        answers: see ANSWERS.
        nearest: of the catalogue, where the run has item vectors.

    Returns:
        Recommendations (contract RECOMMENDATIONS), and what was generated (study, Table 7).

    Raises:
        InputError: the answers are those of other prompts.
    """
    texts = answers.groupby("session_id")["answer"].agg(list).to_dict()
    if texts.keys() - {case.session_id for case in cases}:
        raise InputError("answers: of other sessions than the prompts; generate them again")
    generated = [
        [name for text in texts.get(case.session_id, []) for name in task.parse(text)]
        for case in cases
    ]
    if nearest is not None and task.neighbours and not task.parameters.constrained:
        nearest.prepare(name for names in generated for name in names)
    lists = [
        task.resolve(case, names, nearest) for case, names in zip(cases, generated, strict=True)
    ]
    report = report_names(generated, task.names, nearest)
    facts = asdict(report) | {
        "hallucinated_share": report.hallucinated_share,
        "prompts": len(cases),
        "answers": len(answers),
    }
    return _list_table(cases, lists), facts


def tuning_place(folder: Path, seed: int, name: str, decides: Sequence[Any]) -> Place:
    """Where a fine-tuned model and its state go.

    Args:
        folder: of the model.
        seed: of the run.
        name: dataset.split.part.run.seed1.
        decides: whatever decides the model besides seed and folder.
    """
    return Place(folder, Path("state") / digest([*decides, seed, str(folder)]), seed, name)


def prompted_facts(run: ResolvedRun, files: TaskFiles, identity: Identity) -> dict[str, Any]:
    """What decides a prompted run's result, and what its model.json tells."""
    model = files.language_model
    # The device is that of several jobs; model.json tells where the model was trained.
    return run_facts(run, files.run, identity) | {
        "device": None,
        "template_sha256": file_digest(files.template),
        "language_model": read_json(model / "model.json") if model else None,
    }


def open_nearest(
    task: Task, run: ResolvedRun, files: TaskFiles, device: str, permission: Permission
) -> Nearest | None:
    """Where names are looked up by their vectors; None where the run has none."""
    if run.embedding is None:
        return None
    vectors = open_catalogue(run, files.run).vectors
    if vectors is None:
        raise ValueError("item vectors are needed")
    provider = load(EMBEDDING_PROVIDERS[run.embedding.provider])(
        run.embedding, resolve_device(device), permission
    )
    return Nearest(task.names, np.asarray(vectors), provider.embed, max(1, task.neighbours))


def _answer_table(
    lines: Sequence[Line], found: Sequence[Sequence[tuple[str, float]]]
) -> pd.DataFrame:
    """A row an answer, by session."""
    rows = [
        (line.session_id, number, text, score)
        for line, answers in zip(lines, found, strict=True)
        for number, (text, score) in enumerate(answers, start=1)
    ]
    table = pd.DataFrame(rows, columns=["session_id", "number", "answer", "score"])
    return table.sort_values(["session_id", "number"], ignore_index=True)


def _list_table(cases: Sequence[Case], lists: Sequence[Sequence[int]]) -> pd.DataFrame:
    """A row an item, by session."""
    rows = [
        (case.session_id, rank, item, 1 / rank)
        for case, items in zip(cases, lists, strict=True)
        for rank, item in enumerate(items, start=1)
    ]
    table = pd.DataFrame(rows, columns=["session_id", "rank", "item_id", "score"])
    return table.sort_values(["session_id", "rank"], ignore_index=True)
