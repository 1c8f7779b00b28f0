"""Recommendation lists of any other system, mapped to our ids."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pandas as pd

from llmseqrec.errors import InputError

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
            f"{path}: none of its session keys is in the dataset, {first!r} is the first; "
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
    table = _read_table(path, names)
    missing = [column for column in wanted.values() if column not in table.columns]
    if missing:
        raise InputError(f"{path}: no column {missing[0]!r}; it has {list(table.columns)}")
    rows = pd.DataFrame({name: table[column] for name, column in wanted.items()})
    rows[["session", "item"]] = rows[["session", "item"]].astype(str)
    for name in ("rank", "score"):
        if name in rows and pd.to_numeric(rows[name], errors="coerce").isna().any():
            raise InputError(f"{path}: column {wanted[name]!r} holds values that are no numbers")
        rows[name] = pd.to_numeric(rows[name]) if name in rows else float("nan")
    if not names.rank:
        rows["rank"] = range(len(rows))
    return rows


def _read_table(path: Path, names: ExternalParameters) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(f"{path}: no such file (parameters.path of an external run)")
    keys = {names.session: str, names.item: str}
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if path.suffix == ".json":
            lists = orjson.loads(path.read_bytes())
            if isinstance(lists, list):
                return pd.DataFrame(lists)
            pairs = [(key, item) for key, found in lists.items() for item in _listed(key, found)]
            return pd.DataFrame(pairs, columns=[names.session, names.item])
        return pd.read_csv(path, dtype=keys)
    except (ValueError, AttributeError, TypeError, OSError) as error:
        raise InputError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None


def _listed(session: str, found: Any) -> list[Any]:
    """The items of one JSON list; an empty list is one unknown item, so that it stays a list."""
    if not isinstance(found, list):
        raise ValueError(f"session {session!r} has no list of items but {found!r}")
    return found or [""]
