"""The study's Tables 2 to 7: its rows and columns, our values beside the published ones.

Every published row stands in its table; one that was not run says why. Differences are relative,
(ours - published) / published, of the values shown: means over seeds in the order of ties that the
configuration names, while the leaderboard compares means over tie shuffles. Nothing is rounded
before it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from llmseqrec.reporting.cells import Column, Layout
from llmseqrec.reporting.layouts import DATASET_COLUMNS, metric_column
from llmseqrec.reporting.leaderboard import RAN
from llmseqrec.reporting.metric_names import metric_order

Values = Mapping[str, Any]
ABSENT = "not run: no run of this configuration stands for it"
ELSEWHERE = "not in this configuration"
PROMPT_COLUMNS = (
    *(metric_column(metric) for metric in ("hr@20", "ndcg@20")),
    Column("unique_recommendations", "Unique", 0),
    Column("hallucination_percent", "Hallucinations (%)", 2),
    Column("hallucination_embedding_similarity", "Similarity", 3),
)
# What a run's row of Table 7 is found by.
PromptRow = tuple[str, str, str]


def accuracy_table(
    leaderboard: pd.DataFrame,
    published: pd.DataFrame,
    rows: Mapping[str, str],
    absent: Mapping[str, str],
) -> pd.DataFrame:
    """Tables 4 to 6: one row a published model and run that stands for it, in published order.

    Args:
        leaderboard: of the dataset.
        published: as `read_published` gives it.
        rows: display name of each run that stands for a published row, to that row.
        absent: why a published row has no run, where there is a better reason than ABSENT.
    """
    metrics = metric_order(published.columns.drop("note"))
    ours = _by(leaderboard, "model")
    found: list[dict[str, Any]] = []
    for row, values in _by(published.reset_index(), "model").items():
        names = [run for run, taken in rows.items() if taken == row and run in ours]
        remark = "; ".join(filter(None, [absent.get(row, ABSENT), values["note"]]))
        for run in names or [""]:
            known = ours.get(run, {"note": remark})
            beside = _beside(known, values, metrics)
            found.append({"model": row, "run": run} | beside | {"note": known["note"]})
    return pd.DataFrame(found)


def accuracy_layout(frame: pd.DataFrame, title: str, caption: str) -> Layout:
    """All metrics of the study, each with the published value and the difference."""
    metrics = metric_order(name for name in frame.columns if "@" in name and "_" not in name)
    names = [Column("model", "Model"), Column("run", "Run here")]
    return Layout(
        title, caption, [*names, *_columns(map(metric_column, metrics))], note="note", together=3
    )


def dataset_table(
    ours: Mapping[str, Values], published: pd.DataFrame, missing: Mapping[str, str]
) -> pd.DataFrame:
    """Table 2: datasets.

    Args:
        ours: name in the study to the counts of DATASET_COLUMNS.
        published: its csv file; `lda_classes` and `average_session_length` are our `classes` and
            `mean_length`.
        missing: name in the study to why there are no counts.
    """
    names = {"lda_classes": "classes", "average_session_length": "mean_length"}
    keys = [column.name for column in DATASET_COLUMNS]
    return pd.DataFrame(
        {"dataset": name}
        | _beside(ours.get(name, {}), values, keys)
        | {"note": "" if name in ours else f"not run: {missing.get(name, ELSEWHERE)}"}
        for name, values in _by(published.rename(columns=names), "dataset").items()
    )


def dataset_layout() -> Layout:
    """Columns of the study's Table 2."""
    caption = "Datasets after cleaning: counted here, published, and the relative difference."
    columns = [Column("dataset", "Dataset"), *_columns(DATASET_COLUMNS)]
    return Layout("Study, Table 2: datasets", caption, columns, note="note", together=3)


def trials_table(ours: Mapping[tuple[str, str], int], published: pd.DataFrame) -> pd.DataFrame:
    """Table 3: trials of each model's search on each dataset.

    Args:
        ours: (model, dataset), both as the study calls them, to the number of trials.
        published: its csv file: `model`, and a column a dataset.
    """
    datasets = [str(name) for name in published.columns.drop("model")]
    rows = []
    for model, values in _by(published, "model").items():
        counts = {name: ours[model, name] for name in datasets if (model, name) in ours}
        note = "" if counts else "not run: no search of it in this configuration"
        rows.append({"model": model} | _beside(counts, values, datasets) | {"note": note})
    return pd.DataFrame(rows)


def trials_layout(frame: pd.DataFrame) -> Layout:
    """A column a dataset."""
    datasets = [str(name) for name in frame.columns if f"{name}_published" in frame]
    caption = "Trials of the searches for parameters: done here, published, relative difference."
    columns = [Column("model", "Model"), *_columns(Column(name, name, 0) for name in datasets)]
    return Layout("Study, Table 3: searches", caption, columns, note="note", together=3)


def prompt_table(
    boards: Mapping[str, pd.DataFrame],
    answers: Mapping[str, pd.DataFrame],
    rows: Mapping[str, Mapping[str, PromptRow]],
    published: pd.DataFrame,
) -> pd.DataFrame:
    """Table 7: language models as they come and fine-tuned, and what they make up.

    Args:
        boards: the leaderboard of each dataset, by its name in the study.
        answers: the table of prompted runs (`build_prompted`) of datasets that have one.
        rows: dataset to display name of a run to its task, language model and variant.
        published: its csv file.
    """
    keys = [column.name for column in PROMPT_COLUMNS]
    found = []
    published_rows: list[Any] = published.to_dict("records")
    for values in published_rows:
        head = {name: values[name] for name in ("dataset", "task", "llm", "variant")}
        dataset, *wanted = head.values()
        names = [run for run, row in rows.get(dataset, {}).items() if row == tuple(wanted)]
        for run in names or [""]:
            known = _prompted(run, boards.get(dataset), answers.get(dataset))
            beside = _beside(known, values, keys)
            found.append(head | {"run": run} | beside | {"note": known["note"]})
    return pd.DataFrame(found)


def prompt_layout() -> Layout:
    """Columns of the study's Table 7."""
    caption = (
        "Language models as they come and fine-tuned. Unique: names that differ within their "
        "session, summed. Hallucinations are generated names that no item has; similarity is "
        "theirs with the nearest item."
    )
    names = {"dataset": "Dataset", "task": "Task", "llm": "LLM", "variant": "Variant"}
    heads = [Column(name, header) for name, header in (names | {"run": "Run here"}).items()]
    columns = [*heads, *_columns(PROMPT_COLUMNS)]
    return Layout("Study, Table 7: language models", caption, columns, note="note", together=3)


def _prompted(run: str, board: pd.DataFrame | None, answers: pd.DataFrame | None) -> Values:
    """Accuracy of a prompted run and what it made up, as far as it was done."""
    if not run or board is None:
        return {"note": ABSENT}
    row = _by(board, "model")[run]
    if row["status"] != RAN or answers is None:
        return row
    names = _by(answers, "model")[run]
    return {
        **row,
        "unique_recommendations": names["unique_recommendations"],
        "hallucination_percent": 100 * names["hallucinations"],
        "hallucination_embedding_similarity": names["similarity"],
    }


def _by(frame: pd.DataFrame, key: str) -> dict[str, Values]:
    """The rows of a frame by a column whose values differ."""
    rows: list[Any] = frame.to_dict("records")
    return {row[key]: row for row in rows}


def _beside(ours: Values, published: Values, keys: Sequence[str]) -> dict[str, Any]:
    """Each value with its spread, the published one and the relative difference."""
    row: dict[str, Any] = {}
    for key in keys:
        own, theirs = _number(ours.get(key)), _number(published.get(key))
        row |= {key: own, f"{key}_sd": _number(ours.get(f"{key}_sd"))}
        row |= {f"{key}_published": theirs}
        row |= {f"{key}_difference": (own - theirs) / theirs if theirs else np.nan}
    return row


def _number(value: Any) -> float:
    """A value; NaN where there is none, as the p-core of a dataset that was not reduced."""
    return np.nan if value is None else float(value)


def _columns(own: Any) -> list[Column]:
    """Three columns for each: ours, the study's, the difference."""
    found = []
    for column in own:
        theirs = f"{column.name}_published"
        printed = 3 if "@" in column.name else column.decimals  # as the study prints metrics
        found += [
            column,
            Column(theirs, f"{column.header} study", printed, ranked=column.ranked),
            Column(f"{column.name}_difference", f"{column.header} diff.", 1, percent=True),
        ]
    return found
