"""Recommendations of a saved run for new sessions, without training.

Sessions and items go by the keys of the raw data. Memory does not grow with the lists: sessions
are kept as numbers and their lists are made and written chunk by chunk.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

from llmseqrec.contracts import atomic_path
from llmseqrec.errors import InputError
from llmseqrec.saved import SavedRun
from llmseqrec.sessions import LongArray, Sessions, from_rows
from llmseqrec.storage import one_line

log = logging.getLogger(__name__)

# Sessions at once: a multiple of every model's batch, so that the products of a chunk are those
# of the workflow, to the last bit.
CHUNK = 8192
BLOCK = 1 << 24  # bytes of a csv file read at once; a row must fit into them
LONGEST = 2**15 - 1  # list; ranks are written in 16 bits
LISTS = pa.schema(
    {
        "session_id": pa.string(),
        "rank": pa.int16(),
        "item_id": pa.string(),
        "title": pa.string(),
        "score": pa.float32(),
    }
)


@dataclass(frozen=True)
class Asked:
    """Sessions to recommend for, in the numbers of a run.

    Attributes:
        keys: key of each session, in the order of first appearance.
        sessions: their known items.
    """

    keys: pd.Index[Any]
    sessions: Sessions


def predict(
    run_folder: Path | str, sessions: pd.DataFrame, k: int = 20, device: str = "auto"
) -> pd.DataFrame:
    """Top-k lists of a saved run.

    Args:
        run_folder: the folder that holds run.json and model/.
        sessions: columns session_id, item_id (both keys of the raw data) and, where the order of
            the rows is not that of time, timestamp (numbers or dates). Rows of one session need
            not stand together. Unknown items are left out with a warning.
        k: list length, at most `LONGEST`.
        device: auto, cpu, cuda or mps; only neural models leave the processor.

    Returns:
        Columns session_id, rank (from 1), item_id, title, score; sessions in the order of their
        first rows. A session without an item that the model can go by has no rows, which a
        warning says.

    Raises:
        InputError: the folder holds no fitted run, its files have changed, the device is not
            there, or the sessions lack a column or a value.
    """
    _check_length(k)
    saved = SavedRun.load(run_folder, device)
    tables = list(lists(saved, ask(sessions, saved, "sessions"), k))
    empty: pd.DataFrame = LISTS.empty_table().to_pandas()
    return pd.concat(tables, ignore_index=True) if tables else empty


def predict_file(
    run_folder: Path, source: Path, target: Path | IO[bytes], k: int = 20, device: str = "auto"
) -> None:
    """Top-k lists of a saved run for a csv file, as a csv file.

    Args:
        run_folder: see `predict`.
        source: csv file, plain or compressed, with the columns that `predict` takes.
        target: path, written whole or not at all, or an open binary stream.
        k: list length.
        device: see `predict`.

    Raises:
        InputError: see `predict`; or the target cannot be written.
    """
    _check_length(k)
    if isinstance(target, Path) and target.is_dir():
        raise InputError(f"{target}: is a folder; name a file to write the lists to")
    saved = SavedRun.load(run_folder, device)
    asked = ask(read_sessions(source), saved, str(source))
    with ExitStack() as stack:
        if isinstance(target, Path):
            try:
                target = stack.enter_context(_whole_file(target))
            except OSError as error:
                raise InputError(f"{target}: cannot be written: {error}") from None
        _write(lists(saved, asked, k), target)


def read_sessions(path: Path) -> pd.DataFrame:
    """The columns session_id, item_id and, where it is there, timestamp of a csv file.

    Keys come as categories, so that a row takes a few bytes.

    Raises:
        InputError: the file is absent, unreadable, or lacks a column.
    """
    try:
        with pacsv.open_csv(path, pacsv.ReadOptions(block_size=BLOCK)) as reader:
            present = reader.schema.names
        for name in ("session_id", "item_id", "timestamp"):
            if present.count(name) > 1:
                raise InputError(f"{path}: has the column {name!r} twice")
        for name in ("session_id", "item_id"):
            if name not in present:
                raise InputError(f"{path}: lacks the column {name!r}; it has {', '.join(present)}")
        keys = pa.dictionary(pa.int32(), pa.string())
        options = pacsv.ConvertOptions(
            include_columns=[n for n in ("session_id", "item_id", "timestamp") if n in present],
            column_types={"session_id": keys, "item_id": keys},
            null_values=[""],
            strings_can_be_null=True,
        )
        # Only without threads do messages name a row.
        in_order = pacsv.ReadOptions(use_threads=False, block_size=BLOCK)
        quoted = pacsv.ParseOptions(newlines_in_values=True)
        table = pacsv.read_csv(path, in_order, quoted, options)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a csv file in UTF-8: {error}; save it as UTF-8") from None
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a csv file: {one_line(error)}") from None
    table = table.unify_dictionaries()
    # Column by column, so that no two copies of the table stand side by side.
    frame: pd.DataFrame = table.to_pandas(
        date_as_object=False, split_blocks=True, self_destruct=True
    )
    return frame


def lists(saved: SavedRun, asked: Asked, k: int) -> Iterator[pd.DataFrame]:
    """Tables of the columns of LISTS, a chunk of sessions each."""
    for start in range(0, len(asked.keys), CHUNK):
        part = slice(start, start + CHUNK)
        items, scores = saved.recommender.recommend(asked.sessions.take(part), k)
        listed = items >= 0  # (n_sessions, k)
        rows, places = np.nonzero(listed)
        found = saved.items.iloc[items[listed]]
        yield pd.DataFrame(
            {
                "session_id": asked.keys[part].take(rows),
                "rank": (places + 1).astype(np.int16),
                "item_id": found["source_id"].to_numpy(),
                "title": found["title"].to_numpy(),
                "score": scores[listed],
            }
        )


def ask(rows: pd.DataFrame, saved: SavedRun, source: str) -> Asked:
    """Rows in keys as sessions in the run's numbers.

    Args:
        rows: see `predict`.
        saved: the run to ask.
        source: what messages call the rows.

    Raises:
        InputError: the rows lack a column or a value.
    """
    _check_rows(rows, source)
    codes, keys = pd.factorize(rows["session_id"])
    items = _known_items(rows["item_id"], saved.items, source)
    order: NDArray[Any] = np.arange(len(rows))
    if "timestamp" in rows:
        order = rows["timestamp"].argsort(kind="stable").to_numpy()
    order = order[items[order] >= 0]
    order = order[np.argsort(codes[order], kind="stable")]
    found = from_rows(codes[order].astype(np.int32), items[order].astype(np.int32))
    found = _with_known_items(found, saved.recommender.known_items())
    if len(found) < len(keys):
        without = len(keys) - len(found)
        log.warning("%s: sessions without a known item, which get no list: %d", source, without)
    keys = pd.Index(np.asarray(keys))[found.session_ids]
    return Asked(keys, replace(found, session_ids=_session_ids(keys, saved.session_keys)))


def _known_items(keys: pd.Series[Any], items: pd.DataFrame, source: str) -> LongArray:
    """(n_rows,) item ids; -1 for a key that the catalogue does not hold."""
    codes, distinct = pd.factorize(keys)
    names = pd.Index(np.asarray(distinct).astype(str))
    ids = pd.Index(items["source_id"]).get_indexer(names)
    found: LongArray = np.asarray(ids, dtype=np.int64)[codes]
    unknown = names[ids < 0]
    if len(unknown):
        log.warning(
            "%s: rows with an item that the run does not know, left out: %d (%d items, such as %r)",
            *(source, int((found < 0).sum()), len(unknown), unknown[0]),
        )
    return found


def _with_known_items(sessions: Sessions, known: NDArray[np.bool_]) -> Sessions:
    """The sessions with an item that the model can go by, whole, so that lists stay the same."""
    rows = sessions.rows
    chosen = np.bincount(rows[known[sessions.items]], minlength=len(sessions)) > 0
    return sessions.select(chosen[rows], chosen)


def _session_ids(keys: pd.Index[Any], known: pd.Index[Any]) -> NDArray[np.int32]:
    """(n_sessions,) ids, by which SKNN draws neighbours where it samples at random.

    A session of the dataset keeps its id, so that its list is the run's own; the id of another one
    comes from its key alone, so that its list does not depend on the sessions beside it.
    """
    names = pd.Index(np.asarray(keys).astype(str))
    ids = known.get_indexer(names)
    hashes = pd.util.hash_array(names.to_numpy(dtype=object)) & np.uint64(2**31 - 1)
    chosen: NDArray[np.int32] = np.where(ids >= 0, ids, hashes.astype(np.int64)).astype(np.int32)
    return chosen


@contextmanager
def _whole_file(target: Path) -> Iterator[IO[bytes]]:
    """A stream whose content becomes the file when the block ends without error."""
    with atomic_path(target) as temporary, temporary.open("wb") as stream:
        yield stream


def _write(tables: Iterator[pd.DataFrame], stream: IO[bytes]) -> None:
    with pacsv.CSVWriter(stream, LISTS) as writer:
        for table in tables:
            writer.write_table(pa.Table.from_pandas(table, LISTS, preserve_index=False))


def _check_length(k: int) -> None:
    if k < 1:
        raise InputError(f"k: a list of {k} items is none; ask for 1 or more")
    if k > LONGEST:
        raise InputError(f"k: a list of {k} items is too long; ask for at most {LONGEST}")


def _check_rows(rows: pd.DataFrame, source: str) -> None:
    for name in ("session_id", "item_id"):
        if name not in rows:
            raise InputError(f"{source}: lacks the column {name!r}; it has {list(rows.columns)}")
    for name in rows.columns.intersection(["session_id", "item_id", "timestamp"]):
        missing = np.flatnonzero(rows[name].isna())
        if len(missing):
            raise InputError(f"{source}: row {missing[0] + 1}, without the header, has no {name}")
    if "timestamp" in rows and len(rows):
        times = rows["timestamp"]
        numbers = is_numeric_dtype(times) and not is_bool_dtype(times)
        if not (numbers or is_datetime64_any_dtype(times)):
            first = times.iloc[0]
            raise InputError(f"{source}: timestamp must be numbers or dates, not {first!r}")
