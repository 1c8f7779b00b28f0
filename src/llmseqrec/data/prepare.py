"""Raw tables to the three tables every later step reads: items, sessions, interactions."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llmseqrec.config import Dataset
from llmseqrec.contracts import (
    INTERACTIONS,
    ITEMS,
    REVIEWS,
    SESSIONS,
    write_json,
    write_table,
)
from llmseqrec.data.core import deduplicate_pairs, p_core
from llmseqrec.data.ordering import DenseIds, dense_ids, tie_rank
from llmseqrec.data.raw import RawData
from llmseqrec.errors import InputError
from llmseqrec.registry import RAW_FORMATS, load

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """The prepared tables and what happened on the way.

    Attributes:
        items: contract ITEMS.
        sessions: contract SESSIONS.
        interactions: contract INTERACTIONS.
        reviews: contract REVIEWS; no rows where there are no texts or none are kept.
        report: counts of every step, and the data hash.
    """

    items: pd.DataFrame
    sessions: pd.DataFrame
    interactions: pd.DataFrame
    reviews: pd.DataFrame
    report: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Write the tables and `preparation.json`."""
        write_table(self.items, folder / "items.parquet", ITEMS)
        write_table(self.sessions, folder / "sessions.parquet", SESSIONS)
        write_table(self.interactions, folder / "interactions.parquet", INTERACTIONS)
        write_table(self.reviews, folder / "reviews.parquet", REVIEWS)
        write_json(self.report, folder / "preparation.json")


def prepare_sessions(dataset: Dataset, files: dict[str, Path], folder: Path) -> None:
    """Read, clean and filter a dataset, and write its tables into `folder`.

    Raises:
        InputError: a raw file is absent or broken, or nothing is left after filtering.
    """
    for role, path in files.items():
        if not Path(path).is_file():
            raise InputError(f"{path}: no such file (raw.{role} of {dataset.display})")
    raw: RawData = load(RAW_FORMATS[dataset.format])(dataset, files)
    prepare(raw, dataset).write(folder)


def prepare(raw: RawData, dataset: Dataset) -> Prepared:
    """Clean and filter raw tables, number sessions and items, order interactions."""
    rows = raw.interactions
    report: dict[str, Any] = {"read": asdict(raw.report), "raw_interactions": len(rows)}
    if dataset.deduplicate:
        rows = deduplicate_pairs(rows)
    report["interactions_before_core"] = len(rows)
    rows, report["core_passes"] = p_core(rows, dataset.core.minimum, dataset.core.mode)
    rows = rows.reset_index(drop=True)
    sessions, items = dense_ids(rows["session"]), dense_ids(rows["item"])
    ordered = _ordered(rows, sessions, items, dataset.ties)
    item_table, untitled = _item_table(raw.items, items)
    interactions = ordered.drop(columns="text", errors="ignore")
    report |= {
        "sessions": len(sessions.keys),
        "items": len(items.keys),
        "interactions": len(rows),
        "untitled_items": untitled,
        "data_hash": data_hash(sessions, items, interactions),
    }
    log.info("%s: %s", dataset.display, {k: v for k, v in report.items() if k != "read"})
    texts = ordered if "text" in ordered else ordered.iloc[:0].assign(text="")
    reviews = texts[["session_id", "position", "text"]]
    session_table = _key_table(sessions, "session_id")
    return Prepared(item_table, session_table, interactions, reviews, report)


def data_hash(sessions: DenseIds, items: DenseIds, interactions: pd.DataFrame) -> str:
    """sha256 of keys, order and times: equal for equal data, whatever file they came from."""
    state = hashlib.sha256()
    for ids in (sessions, items):
        state.update("\n".join(map(str, ids.keys)).encode())
    for name in ("session_id", "item_id", "timestamp"):
        if name in interactions:
            values = interactions[name].to_numpy()
            state.update(np.ascontiguousarray(values, dtype="<i8").tobytes())
    return state.hexdigest()


def _ordered(rows: pd.DataFrame, sessions: DenseIds, items: DenseIds, ties: str) -> pd.DataFrame:
    """Rows with ids and positions, sorted by session and, inside it, by time or given order."""
    has_times = "timestamp" in rows
    zeros = np.zeros(len(rows), dtype=np.int64)
    times = rows["timestamp"].to_numpy(dtype=np.int64) if has_times else zeros
    within = rows["order"].to_numpy() if "order" in rows else times
    order = np.lexsort((tie_rank(ties, sessions, items, times), within, sessions.ids))
    session_ids = sessions.ids[order]
    starts = np.flatnonzero(np.diff(session_ids, prepend=-1))
    counts = np.diff(np.append(starts, len(order)))
    table = pd.DataFrame(
        {
            "session_id": session_ids,
            "position": (np.arange(len(order)) - np.repeat(starts, counts)).astype(np.int32),
            "item_id": items.ids[order],
        }
    )
    if has_times:
        table["timestamp"] = times[order]
    for name, kind in (("rating", np.float32), ("text", object)):
        if name in rows:
            table[name] = rows[name].to_numpy(dtype=kind)[order]
    return table


def _item_table(described: pd.DataFrame, ids: DenseIds) -> tuple[pd.DataFrame, int]:
    """The items' fields in id order, and how many have no title.

    Raises:
        InputError: an item is described twice.
    """
    if described["item"].duplicated().any():
        twice = described.loc[described["item"].duplicated(), "item"].iloc[0]
        raise InputError(f"item {twice!r} is described twice in the item file")
    table = described.assign(item=described["item"].astype(str)).set_index("item")
    table = table.reindex([str(key) for key in ids.keys])
    table["title"] = table["title"].fillna("")
    table = table.rename_axis("source_id").reset_index()
    table.insert(0, "item_id", np.arange(len(table), dtype=np.int32))
    for name in ("categories", "tags", "genres"):
        if name in table:
            table[name] = [value if isinstance(value, list) else [] for value in table[name]]
    return table, int((table["title"] == "").sum())


def _key_table(ids: DenseIds, id_name: str) -> pd.DataFrame:
    numbers = np.arange(len(ids.keys), dtype=np.int32)
    return pd.DataFrame({id_name: numbers, "source_id": [str(key) for key in ids.keys]})
