"""Files that pass between jobs: their columns, types and order, checked when they are written.

Every writer is atomic: a temporary file in the same folder, then a rename. Temporary names end in
`.tmp`, so that whoever looks for files by their ending finds whole ones only.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from llmseqrec.errors import FileError, InputError
from llmseqrec.storage import AGAIN, SOUND, reading, writing

_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY
_CHECKSUM = "content_sha256"  # of a JSON file, beside what it holds


@dataclass(frozen=True)
class TableContract:
    """Columns of a table, in order, and what must hold of its rows.

    Attributes:
        columns: name to Arrow type; a trailing "?" on the name marks an optional column.
        key: columns whose values are unique together.
        sorted_by: columns by which the rows ascend.
    """

    columns: Mapping[str, pa.DataType]
    key: tuple[str, ...] = ()
    sorted_by: tuple[str, ...] = ()

    def schema_for(self, frame: pd.DataFrame) -> pa.Schema:
        """The Arrow schema of the contract, less the optional columns the frame lacks."""
        fields = [
            pa.field(name.rstrip("?"), kind)
            for name, kind in self.columns.items()
            if not name.endswith("?") or name.rstrip("?") in frame.columns
        ]
        missing = [field.name for field in fields if field.name not in frame.columns]
        extra = [name for name in frame.columns if name not in {field.name for field in fields}]
        if missing or extra:
            raise ValueError(f"contract broken: missing columns {missing}, extra columns {extra}")
        return pa.schema(fields)

    def check_rows(self, frame: pd.DataFrame) -> None:
        """Raise ValueError unless the rows are unique in `key` and ascend by `sorted_by`."""
        if self.key and frame.duplicated(list(self.key)).any():
            raise ValueError(f"contract broken: repeated key {self.key}")
        if self.sorted_by and not _ascends(frame, self.sorted_by):
            raise ValueError(f"contract broken: rows do not ascend by {self.sorted_by}")


ITEMS = TableContract(
    {
        "item_id": pa.int32(),
        "source_id": pa.string(),
        "title": pa.string(),
        "brand?": pa.string(),
        "categories?": pa.list_(pa.string()),
        "tags?": pa.list_(pa.string()),
        "genres?": pa.list_(pa.string()),
        "class?": pa.string(),
    },
    key=("source_id",),
    sorted_by=("item_id",),
)
SESSIONS = TableContract(
    {"session_id": pa.int32(), "source_id": pa.string()},
    key=("source_id",),
    sorted_by=("session_id",),
)
INTERACTIONS = TableContract(
    {
        "session_id": pa.int32(),
        "position": pa.int32(),
        "item_id": pa.int32(),
        "timestamp?": pa.int64(),
        "rating?": pa.float32(),
    },
    key=("session_id", "position"),
    sorted_by=("session_id", "position"),
)
REVIEWS = TableContract(
    {"session_id": pa.int32(), "position": pa.int32(), "text": pa.string()},
    key=("session_id", "position"),
    sorted_by=("session_id", "position"),
)
RECOMMENDATIONS = TableContract(
    {
        "session_id": pa.int32(),
        "rank": pa.int16(),
        "item_id": pa.int32(),
        "score": pa.float32(),
    },
    key=("session_id", "item_id"),
    sorted_by=("session_id", "rank"),
)
HISTORY = TableContract(
    {
        "epoch": pa.int32(),
        "loss": pa.float64(),
        "validation": pa.float64(),
        "hr@10": pa.float64(),
        "ndcg@10": pa.float64(),
    },
    key=("epoch",),
    sorted_by=("epoch",),
)
# Steps and not epochs: of language models, an epoch of which may take hours.
STEP_HISTORY = TableContract(
    {"step": pa.int32(), "loss": pa.float64(), "validation": pa.float64()},
    key=("step",),
    sorted_by=("step",),
)
# Texts that a language model answered; `score` is a log-probability, where it tells one.
ANSWERS = TableContract(
    {
        "session_id": pa.int32(),
        "number": pa.int16(),
        "answer": pa.string(),
        "score": pa.float32(),
    },
    key=("session_id", "number"),
    sorted_by=("session_id", "number"),
)
TRIALS = TableContract(
    {
        "variant": pa.string(),
        "trial": pa.int32(),
        "state": pa.string(),
        "ndcg@20": pa.float64(),
        "folds": pa.list_(pa.float64()),
        "epochs": pa.list_(pa.int32()),
        "parameters": pa.string(),
        "reason": pa.string(),
    },
    key=("variant", "trial"),
    sorted_by=("variant", "trial"),
)
COMPARISON = TableContract(
    {
        "metric": pa.string(),
        "run_a": pa.string(),
        "run_b": pa.string(),
        "difference": pa.float64(),
        "ci_low": pa.float64(),
        "ci_high": pa.float64(),
        "levels": pa.string(),
        "p": pa.float64(),
        "p_adjusted": pa.float64(),
    },
    key=("metric", "run_a", "run_b"),
)

# Means over seeds of the sessions of a bin; NaN where it has none. `highest` is null without end.
SLICES = TableContract(
    {
        "slice": pa.string(),
        "bin": pa.string(),
        "lowest": pa.int32(),
        "highest": pa.int32(),
        "run": pa.string(),
        "metric": pa.string(),
        "sessions": pa.int32(),
        "value": pa.float64(),
        "ci_low": pa.float64(),
        "ci_high": pa.float64(),
    },
    key=("slice", "bin", "run", "metric"),
)


@contextmanager
def atomic_path(target: Path | str) -> Iterator[Path]:
    """A temporary path beside `target` that becomes `target` when the block ends without error.

    Raises:
        FileError: the device refuses it.
    """
    target = Path(target)
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(".tmp", f".{target.name}.", target.parent)
        os.close(handle)
    temporary = Path(name)
    try:
        with writing(target):
            yield temporary
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: Path | str) -> Iterator[Path]:
    """A temporary folder beside `target` that takes its place when the block ends without error.

    Raises:
        FileError: the device refuses it.
    """
    target = Path(target)
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(".tmp", f".{target.name}.", target.parent))
    try:
        with writing(target):
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            shutil.rmtree(target, ignore_errors=True)
            temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_table(frame: pd.DataFrame, target: Path | str, contract: TableContract) -> None:
    """Write a parquet file that keeps the contract; the same rows give the same bytes.

    Raises:
        ValueError: the frame breaks the contract.
    """
    schema = contract.schema_for(frame)
    contract.check_rows(frame)
    table = pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False)
    with atomic_path(target) as temporary:
        plain = table.replace_schema_metadata(None)
        pq.write_table(plain, temporary, compression="zstd", write_page_checksum=True)


def read_table(
    source: Path | str, contract: TableContract, columns: list[str] | None = None
) -> pd.DataFrame:
    """Read a parquet file of the contract.

    Raises:
        InputError: the file is absent or damaged, lacks one of the contract's columns, or has one
            of another type.
    """
    needed = columns or [name for name in contract.columns if not name.endswith("?")]
    with reading(source, SOUND.format("parquet")):
        _check_schema(pq.read_schema(source), contract, needed, source)
    return read_parquet(source, columns)


def read_parquet(source: Path | str, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a parquet file, whatever its columns; pages are held against their checksums.

    Raises:
        FileError: the file is absent or damaged.
    """
    with reading(source, SOUND.format("parquet")):
        table = pq.read_table(source, columns=columns, page_checksum_verification=True)
        frame: pd.DataFrame = table.to_pandas()
        return frame


def _check_schema(
    schema: pa.Schema, contract: TableContract, needed: list[str], source: Path | str
) -> None:
    """Raise InputError where a column is missing, or is of another type than the contract's."""
    missing = [name for name in needed if name not in schema.names]
    if missing:
        raise InputError(f"{source}: lacks the columns {missing}; rebuild it")
    for name, kind in contract.columns.items():
        places = schema.get_all_field_indices(name.rstrip("?"))
        if len(places) > 1:
            raise InputError(f"{source}: has the column {name.rstrip('?')} twice; rebuild it")
        if places and schema.field(places[0]).type != kind:
            found = schema.field(places[0]).type
            raise InputError(f"{source}: {name.rstrip('?')} is {found}, not {kind}; rebuild it")


def write_json(content: Any, target: Path | str) -> None:
    """Write sorted, indented JSON; a mapping gets the checksum of its values beside them."""
    if isinstance(content, Mapping):
        plain = {name: value for name, value in content.items() if name != _CHECKSUM}
        content = {**plain, _CHECKSUM: _checksum(plain)}
    with atomic_path(target) as temporary:
        temporary.write_bytes(orjson.dumps(content, option=_SORTED | orjson.OPT_INDENT_2) + b"\n")


def read_json(source: Path | str, remedy: str = AGAIN) -> Any:
    """Read a JSON file, without its checksum; `remedy` is what to do about a damaged one.

    Raises:
        FileError: it is absent or damaged.
    """
    with reading(source, "not valid JSON", remedy):
        content = orjson.loads(Path(source).read_bytes())
    if isinstance(content, dict) and _CHECKSUM in content:
        expected = content.pop(_CHECKSUM)
        if _checksum(content) != expected:
            raise FileError(f"{source}: damaged or edited, its checksum does not fit; {remedy}")
    return content


def _checksum(content: Mapping[str, Any]) -> str:
    """Of values, however they are laid out; numpy's count as what a reader gets for them."""
    plain = orjson.loads(orjson.dumps(content, option=_SORTED))
    return sha256(orjson.dumps(plain, option=_SORTED)).hexdigest()


def write_text(content: str, target: Path | str) -> None:
    """Write a UTF-8 text file."""
    with atomic_path(target) as temporary:
        temporary.write_text(content, encoding="utf-8")


def _ascends(frame: pd.DataFrame, columns: tuple[str, ...]) -> bool:
    """Whether rows ascend strictly or equally, compared column by column."""
    undecided = np.ones(max(len(frame) - 1, 0), dtype=bool)
    for name in columns:
        values = frame[name].to_numpy()
        if np.any(undecided & (values[1:] < values[:-1])):
            return False
        undecided &= values[1:] == values[:-1]
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
