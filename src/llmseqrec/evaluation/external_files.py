"""Files of other systems' lists: csv, parquet or JSON, as columns of text."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from llmseqrec.errors import InputError, shown
from llmseqrec.storage import one_line

Columns = dict[str, list[str | None]]

_BLOCK = 1 << 24  # bytes; a row must fit into one
_BROKEN = (ValueError, RecursionError, TypeError, OSError, EOFError, zlib.error, pa.ArrowException)


def read_columns(path: Path, wanted: Mapping[str, str]) -> Columns:
    """Columns as text; None where a value is absent.

    Args:
        path: see `llmseqrec.evaluation.external.read_external`.
        wanted: our name of each column to its name in the file; `session` and `item` among them.

    Raises:
        InputError: the file is absent, unreadable, or lacks a column.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file (parameters.path of an external run)")
    try:
        if path.suffix == ".json":
            return _read_json(path, wanted)
        if path.suffix == ".parquet":
            return _texts(pq.ParquetFile(path).read(), path, wanted)
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            return _texts(_read_csv(stream), path, wanted)
    except _BROKEN as error:
        raise InputError(f"{path}: cannot be read: {one_line(error)}") from None


def _read_csv(stream: Any) -> pa.Table:
    """All columns as they stand there, so that no key such as NA or 007 is taken for a value."""
    names = pacsv.open_csv(stream, pacsv.ReadOptions(block_size=_BLOCK)).schema.names
    stream.seek(0)
    options = pacsv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
    )
    return pacsv.read_csv(
        stream,
        pacsv.ReadOptions(use_threads=False, block_size=_BLOCK),  # only so do messages name a row
        pacsv.ParseOptions(newlines_in_values=True),
        options,
    )


def _texts(table: pa.Table, path: Path, wanted: Mapping[str, str]) -> Columns:
    _check_columns(path, wanted, table.column_names)
    return {name: table[column].cast(pa.string()).to_pylist() for name, column in wanted.items()}


def _read_json(path: Path, wanted: Mapping[str, str]) -> Columns:
    content = path.read_bytes()
    found = orjson.loads(content)
    json.loads(content, object_pairs_hook=_distinct)  # orjson takes the last of repeated keys
    if isinstance(found, dict):
        _check_columns(path, wanted, [wanted["session"], wanted["item"]])
        pairs = [(key, item) for key, items in found.items() for item in _listed(key, items)]
        return {"session": [key for key, _ in pairs], "item": [_text(item) for _, item in pairs]}
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise ValueError("neither an object of lists nor an array of row objects")
    _check_columns(path, wanted, list(dict.fromkeys(key for row in found for key in row)))
    return {name: [_text(row.get(column)) for row in found] for name, column in wanted.items()}


def _distinct(pairs: Sequence[tuple[str, Any]]) -> None:
    repeated = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
    if repeated:
        raise ValueError(f"the key {shown(repeated[0])} stands there twice")


def _listed(session: str, found: Any) -> list[Any]:
    """The items of one JSON list; an empty list is one unknown item, so that it stays a list."""
    if not isinstance(found, list):
        raise ValueError(f"session {shown(session)} has no list of items but {shown(found)}")
    if None in found:
        raise ValueError(f"session {shown(session)} has null among its items")
    return found or [""]


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{shown(value)} is neither text nor a number")
    return str(value)


def _check_columns(path: Path, wanted: Mapping[str, str], found: Sequence[str]) -> None:
    for column in wanted.values():
        if list(found).count(column) != 1:
            problem = f"column {column!r} twice" if column in found else f"no column {column!r}"
            raise InputError(f"{path}: {problem}; it has {shown(list(found))}")
