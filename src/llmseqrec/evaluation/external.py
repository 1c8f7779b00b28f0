"""Recommendation lists of any other system, mapped to our ids."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from llmseqrec.errors import InputError, shown
from llmseqrec.evaluation.external_files import read_columns

if TYPE_CHECKING:
    from llmseqrec.models.parameters import ExternalParameters

log = logging.getLogger(__name__)


def read_external(
    path: Path, names: ExternalParameters, sessions: pd.DataFrame, items: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read lists keyed by source ids.

    Args:
        path: csv(.gz) or parquet with a row per recommendation, or JSON: an object of session key
            to list of item keys, or an array of row objects.
        names: column names; without a rank column the order of the rows counts.
        sessions: contract SESSIONS.
        items: contract ITEMS.

    Returns:
        Rows (contract RECOMMENDATIONS) and counts of what was unknown or repeated. An unknown item
        has an id beyond the catalogue and keeps its place, as a string does in the reference.

    Raises:
        InputError: the file is absent, unreadable or empty, lacks a column, or knows no session.
    """
    rows = _read_rows(path, names)
    rows["session_id"] = rows["session"].map(_ids(sessions, "session_id"))
    counts = {"rows": len(rows)}
    counts["unknown_sessions"] = rows.loc[rows["session_id"].isna(), "session"].nunique()
    _check_sessions(path, rows, names)
    rows = rows.dropna(subset=["session_id"])
    unknown = _number_items(rows, items)
    counts["unknown_items"] = unknown
    rows = rows.sort_values(["session_id", "rank"], kind="stable")
    # Ranks are given before repeats leave, so that nothing moves in from beyond a cut-off.
    rows["rank"] = rows.groupby("session_id").cumcount() + 1
    rows = rows[rows["rank"] <= names.length]
    repeated = rows.duplicated(["session_id", "item_id"])
    counts["repeated_items"] = int(repeated.sum())
    rows = rows[~repeated]
    for name in ("unknown_sessions", "unknown_items", "repeated_items"):
        if counts[name]:
            log.warning("%s: %d %s", path, counts[name], name.replace("_", " "))
    kinds = {"session_id": "int32", "rank": "int16", "item_id": "int32", "score": "float32"}
    return rows[list(kinds)].astype(kinds).reset_index(drop=True), counts


def _check_sessions(path: Path, rows: pd.DataFrame, names: ExternalParameters) -> None:
    if not len(rows):
        raise InputError(f"{path}: holds no recommendation")
    if rows["session_id"].isna().all():
        first = rows["session"].iloc[0]
        raise InputError(
            f"{path}: none of its session keys is in the dataset, {shown(first)} is the first; "
            f"column {names.session!r} must hold the keys of the raw files"
        )


def _number_items(rows: pd.DataFrame, items: pd.DataFrame) -> int:
    """Set item ids; unknown keys get ids beyond the catalogue. Returns how many these are."""
    known = rows["item"].map(_ids(items, "item_id"))
    codes, distinct = pd.factorize(rows["item"].where(known.isna()))
    rows["item_id"] = known.fillna(pd.Series(len(items) + codes, index=rows.index)).astype("int32")
    return len(distinct)


def _ids(table: pd.DataFrame, name: str) -> pd.Series[Any]:
    return pd.Series(table[name].to_numpy(), index=table["source_id"])


def _read_rows(path: Path, names: ExternalParameters) -> pd.DataFrame:
    """Columns session, item (as text), rank, score."""
    wanted = {"session": names.session, "item": names.item}
    wanted |= {"rank": names.rank} if names.rank else {}
    wanted |= {"score": names.score} if names.score else {}
    rows = pd.DataFrame(read_columns(path, wanted), dtype="str")
    for name in ("session", "item"):
        if rows[name].isna().any():
            row = int(rows[name].isna().argmax()) + 1
            raise InputError(f"{path}: row {row} has no {wanted[name]!r}")
    for name in ("rank", "score"):
        rows[name] = _numbers(path, rows[name], wanted[name]) if name in rows else float("nan")
    if not names.rank:
        rows["rank"] = range(len(rows))
    return rows


def _numbers(path: Path, texts: pd.Series[Any], column: str) -> pd.Series[Any]:
    """Finite numbers of single precision."""
    numbers = pd.to_numeric(texts, errors="coerce").astype("float64")
    wrong = ~(numbers.abs() <= float(np.finfo(np.float32).max))
    if wrong.any():
        row = int(wrong.argmax())
        found = shown(texts.iloc[row])
        raise InputError(f"{path}: column {column!r}: {found} in row {row + 1} is no number")
    return numbers
