"""Recommendation lists against targets: the files beside every run, and the test ledger."""

from __future__ import annotations

import csv
import errno
import fcntl
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from llmseqrec.contracts import (
    INTERACTIONS,
    ITEMS,
    RECOMMENDATIONS,
    atomic_path,
    read_json,
    read_table,
    write_json,
)
from llmseqrec.evaluation.metrics import Evaluation, ItemCounts, align_lists, evaluate
from llmseqrec.sessions import IntArray, Prompts
from llmseqrec.storage import writing

LEDGER_COLUMNS = ("run", "seed", "config_hash", "looks", "date")


@dataclass(frozen=True)
class Judged:
    """Metrics of one file of lists.

    Attributes:
        session_ids: (n,) sessions that were evaluated.
        evaluation: their metrics.
        missing: prompts without a list.
        dropped: prompts that were left out of the means.
    """

    session_ids: IntArray
    evaluation: Evaluation
    missing: int
    dropped: int


def read_item_counts(folder: Path) -> ItemCounts:
    """Rows of each item in a prepared dataset, training and test (the reference's rule)."""
    items = read_table(folder / "items.parquet", ITEMS, ["item_id"])
    interactions = read_table(folder / "interactions.parquet", INTERACTIONS, ["item_id"])
    return ItemCounts.from_items(interactions["item_id"].to_numpy(), len(items))


def padded_lists(table: pd.DataFrame, k: int) -> tuple[IntArray, IntArray]:
    """Rows of recommendations as lists.

    Returns:
        Session ids (m,) and item ids (m, k), padded with -1.
    """
    table = table[table["rank"] <= k]
    session_ids, row = np.unique(table["session_id"].to_numpy(), return_inverse=True)
    lists = np.full((len(session_ids), k), -1, dtype=np.int32)
    lists[row, table["rank"].to_numpy() - 1] = table["item_id"].to_numpy()
    return session_ids, lists


def judge(
    table: pd.DataFrame,
    prompts: Prompts,
    counts: ItemCounts,
    cutoffs: Sequence[int],
    missing: Literal["miss", "drop"] = "miss",
) -> Judged:
    """Evaluate a table of recommendations (contract RECOMMENDATIONS)."""
    listed, lists = padded_lists(table, max(cutoffs))
    ids = prompts.sessions.session_ids
    rows, aligned = align_lists(ids, listed, lists, missing)
    result = evaluate(aligned, prompts.targets[rows], counts, cutoffs, len(counts.counts))
    without_list = int(np.count_nonzero(~np.isin(ids, listed)))
    return Judged(ids[rows], result, without_list, len(ids) - len(rows))


def write_evaluation(judged: Judged, context: dict[str, Any], metrics: Path, rows: Path) -> None:
    """Write the metrics (JSON) and the per-session values (parquet)."""
    content = {
        "metrics": judged.evaluation.aggregate,
        "sessions": len(judged.session_ids),
        "sessions_without_list": judged.missing,
        "sessions_dropped": judged.dropped,
    }
    table = pd.DataFrame({"session_id": judged.session_ids} | judged.evaluation.per_session)
    with atomic_path(rows) as temporary:
        table.to_parquet(temporary, index=False, compression="zstd", write_page_checksum=True)
    write_json(content | context, metrics)


def note_test_look(ledger: Path, run: str, seed: int, config_hash: str, looks: int = 1) -> None:
    """Append one line to the ledger of looks at the test set; safe among parallel jobs."""
    ledger.parent.mkdir(parents=True, exist_ok=True)
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")
    with writing(ledger), ledger.open("ab", buffering=0) as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        size = stream.seek(0, io.SEEK_END)
        if size == 0:  # while it waited, another job may have written
            writer.writerow(LEDGER_COLUMNS)
        date = datetime.now(UTC).isoformat(timespec="seconds")
        writer.writerow([run, seed, config_hash, looks, date])
        whole = line.getvalue().encode()
        if stream.write(whole) < len(whole):
            stream.truncate(size)  # half a line would spoil the next one
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def evaluate_run(
    recommendations: Path, prompts: Path, dataset: Path, cutoffs: Sequence[int]
) -> None:
    """Judge the lists of one run and write what lies beside them.

    Args:
        recommendations: .../{split}/{part}/{run}/seed{n}/recommendations.{prompts}.parquet.
        prompts: folder of prompts.
        dataset: folder of the prepared dataset.
        cutoffs: of the metrics.
    """
    folder = recommendations.parent
    facts = read_json(folder / "run.json")
    judged = judge(
        read_table(recommendations, RECOMMENDATIONS),
        Prompts.load(prompts),
        read_item_counts(dataset),
        cutoffs,
        facts["run"]["parameters"].get("missing", "miss"),
    )
    context = {name: facts[name] for name in ("config_hash", "code", "data_hash", "seed")}
    metrics = folder / f"metrics.{prompts.name}.json"
    write_evaluation(judged, context, metrics, folder / f"per_session.{prompts.name}.parquet")
    if prompts.name == "test":
        ledger = folder.parents[2] / "test_ledger.csv"
        note_test_look(ledger, folder.parent.name, facts["seed"], facts["config_hash"])
