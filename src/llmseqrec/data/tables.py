"""Text columns of a csv or parquet file, with the row number of every row."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from llmseqrec.data.lines import LONGEST_LINE, open_raw
from llmseqrec.data.raw import RawSource, Tally
from llmseqrec.errors import InputError, shown

PARQUET = b"PAR1"
_HEADER = 1 << 16  # bytes


@dataclass
class Table:
    """Rows that are well-formed so far.

    Attributes:
        frame: columns of str, "" where a value is absent, surrounding blanks removed.
        numbers: (n_rows,) number of each row in its file, from 1, the header of a csv included.
        tally: rows of the file, and those rejected.
    """

    frame: pd.DataFrame
    numbers: NDArray[np.int64]
    tally: Tally

    def reject(self, wrong: NDArray[np.bool_], reason: str) -> None:
        """Count the marked rows as malformed and drop them."""
        if not wrong.any():
            return
        for number in self.numbers[wrong].tolist():
            self.tally.add(number, reason)
        self.frame = self.frame[~wrong].reset_index(drop=True)
        self.numbers = self.numbers[~wrong]


def read_table(source: RawSource, columns: Mapping[str, str], separator: str) -> Table:
    """Read some columns; rows of a csv with too many or too few fields are malformed.

    Args:
        source: a csv file, plain, gzip or zipped, or a parquet file.
        columns: our name of each column to its name in the file.
        separator: joins the elements of list columns of a parquet file.

    Raises:
        InputError: the file is unreadable, or lacks a column or has it twice.
    """
    tally = Tally(source)
    try:
        with open_raw(source) as stream:
            if stream.read(len(PARQUET)) == PARQUET:
                table = _read_parquet(source, columns, separator)
                numbers = np.arange(1, len(table) + 1)
            else:
                table, numbers = _read_csv(tally, columns)
    except (pa.ArrowException, csv.Error) as error:
        raise InputError(f"{source}: not a csv or parquet file ({_line(error)})") from None
    tally.lines = len(table) + tally.n_malformed
    frame = table.rename_columns(list(columns)).to_pandas()
    return Table(frame, numbers, tally)


def _read_csv(tally: Tally, columns: Mapping[str, str]) -> tuple[pa.Table, NDArray[np.int64]]:
    wanted = list(columns.values())
    with open_raw(tally.source) as stream:
        _check_columns(tally.source, wanted, _header(stream))
    wrong: list[int] = []

    def skip(row: pacsv.InvalidRow) -> str:
        wrong.append(row.number)
        tally.add(row.number, f"{row.actual_columns} fields instead of {row.expected_columns}")
        return "skip"

    with open_raw(tally.source) as stream:
        table = pacsv.read_csv(
            stream,
            # Only without threads are rows numbered; a row must fit into a block.
            pacsv.ReadOptions(use_threads=False, block_size=LONGEST_LINE),
            pacsv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
            pacsv.ConvertOptions(
                include_columns=list(dict.fromkeys(wanted)),
                column_types={name: pa.string() for name in wanted},
                strings_can_be_null=False,
            ),
        )
    numbers = np.delete(np.arange(1, len(table) + len(wrong) + 2), [0, *(row - 1 for row in wrong)])
    return _stripped(table.select(wanted)), numbers


def _read_parquet(source: RawSource, columns: Mapping[str, str], separator: str) -> pa.Table:
    wanted = list(columns.values())
    _check_columns(source, wanted, pq.read_schema(source.path).names)
    table = pq.read_table(source.path, columns=list(dict.fromkeys(wanted))).select(wanted)
    texts = [_as_text(column, separator) for column in table.itercolumns()]
    return _stripped(pa.Table.from_arrays(texts, names=wanted))


def _as_text(column: pa.ChunkedArray, separator: str) -> pa.ChunkedArray:
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        column = pc.binary_join(column.cast(pa.list_(pa.string())), separator)
    return column.cast(pa.string()).fill_null("")


def _stripped(table: pa.Table) -> pa.Table:
    texts = [pc.utf8_trim_whitespace(column) for column in table.itercolumns()]
    return pa.Table.from_arrays(texts, names=table.column_names)


def _header(stream: IO[bytes]) -> list[str]:
    # As much as a name of a column may be long, whatever the file holds in place of one.
    start = stream.read(_HEADER).decode("utf-8-sig", errors="replace")
    return next(csv.reader(io.StringIO(start, newline="")), [])


def _check_columns(source: RawSource, wanted: list[str], found: list[str]) -> None:
    for name in wanted:
        if found.count(name) != 1:
            problem = "lacks" if name not in found else "repeats"
            has = ", ".join(column if column.isprintable() else shown(column) for column in found)
            raise InputError(
                f"{source}: {problem} the column {name!r}; it has {has[:1000] or 'none'}"
            )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
