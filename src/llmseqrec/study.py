"""The study's Tables 2 to 7 from finished tables and counts; `plan_study` names the files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from llmseqrec.contracts import read_json
from llmseqrec.reporting import study_tables as tables
from llmseqrec.reporting.cells import Layout
from llmseqrec.reporting.layouts import statistics_table
from llmseqrec.reporting.leaderboard import read_leaderboard, read_published
from llmseqrec.reporting.searches import read_best
from llmseqrec.reporting.tables import read_table_csv
from llmseqrec.summary import label_of

Made = tuple[pd.DataFrame, Layout]


def study_table(kind: str, task: Mapping[str, Any]) -> Made:
    """One of the tables, and how readers see it.

    Args:
        kind: accuracy, datasets, trials or prompts.
        task: paths and names, as `StudyPlan.task` gives them.
    """
    return _BUILDERS[kind](task)


def _accuracy(task: Mapping[str, Any]) -> Made:
    published = read_published(task["published"])
    board = read_leaderboard(task["leaderboard"])
    frame = tables.accuracy_table(board, published, task["rows"], _reasons(Path(task["published"])))
    label = label_of(task["dataset"], task["split"], task["statistics"], task["seeds"])
    caption = (
        f"{label.details[0].upper()}{label.details[1:]}. Means over seeds with their standard "
        "deviation, the published value and the relative difference; best value of a column in "
        "bold, runner-up underlined."
    )
    title = f"Study, Table {task['number']}: {label.title}"
    return frame, tables.accuracy_layout(frame, title, caption)


def _reasons(published: Path) -> dict[str, str]:
    """Why rows of a published table have no run, from `notes.csv` beside it."""
    notes = pd.read_csv(published.with_name("notes.csv")).query("table == @published.stem")
    known = notes.dropna(subset="not_run").set_index("model")["not_run"]
    return {str(model): f"not run: {reason}" for model, reason in known.items()}


def _datasets(task: Mapping[str, Any]) -> Made:
    ours: dict[str, Any] = {}
    for name, facts in task["counts"].items():
        counts = read_json(facts["statistics"]) | {"dataset": name, "p_core": facts["p_core"]}
        ours[name] = dict(statistics_table([counts]).iloc[0].astype(object))
    published = pd.read_csv(task["published"])
    return tables.dataset_table(ours, published, task["missing"]), tables.dataset_layout()


def _trials(task: Mapping[str, Any]) -> Made:
    ours: dict[tuple[str, str], int] = {}
    for found in task["searches"]:
        key = (found["model"], found["dataset"])
        ours[key] = ours.get(key, 0) + sum(read_best(Path(found["best"]))["trials"].values())
    frame = tables.trials_table(ours, pd.read_csv(task["published"]))
    return frame, tables.trials_layout(frame)


def _prompts(task: Mapping[str, Any]) -> Made:
    of = task["datasets"]
    frame = tables.prompt_table(
        {name: read_leaderboard(facts["leaderboard"]) for name, facts in of.items()},
        {name: read_table_csv(facts["answers"]) for name, facts in of.items() if facts["answers"]},
        {
            name: {run: (row[0], row[1], row[2]) for run, row in facts["rows"].items()}
            for name, facts in of.items()
        },
        pd.read_csv(task["published"]),
    )
    return frame, tables.prompt_layout()


_BUILDERS: dict[str, Callable[[Mapping[str, Any]], Made]] = {
    "accuracy": _accuracy,
    "datasets": _datasets,
    "trials": _trials,
    "prompts": _prompts,
}
