"""What one does with a whole cache: look, check, share, tidy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import numpy as np

from llmseqrec.contracts import atomic_path
from llmseqrec.errors import InputError
from llmseqrec.services.cache import SCHEMA, STORED, Source
from llmseqrec.services.database import Database

_COLUMNS = "key, source, text, vector, tokens, usd, created"
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Choice:
    """Which vectors are meant; None stands for any."""

    provider: str | None = None
    model: str | None = None

    def takes(self, source: Source) -> bool:
        """Whether the vectors of a source are among them."""
        return self.provider in (None, source.provider) and self.model in (None, source.model)


@dataclass(frozen=True)
class Summary:
    """The vectors of one source.

    Attributes:
        unpriced: vectors whose price is unknown.
    """

    source: Source
    vectors: int
    dimensions: int
    bytes: int
    tokens: float
    usd: float
    unpriced: int


def open_cache(path: Path) -> Database:
    """A cache that exists, whatever its journal mode is.

    Raises:
        InputError: there is none.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such cache")
    return Database(path, SCHEMA, journal_mode=None)


def summaries(path: Path) -> list[Summary]:
    """What a cache holds, by source.

    Raises:
        InputError: there is none.
    """
    query = (
        "SELECT source, count(*), max(length(vector)), sum(length(vector)), total(tokens),"
        " total(usd), sum(usd IS NULL) FROM vectors GROUP BY source ORDER BY source"
    )
    with open_cache(path).reading() as connection:
        return [
            Summary(_source_of(row[0]), row[1], row[2] // STORED.itemsize, *row[3:])
            for row in connection.execute(query)
        ]


def problems(path: Path) -> list[str]:
    """Whatever is wrong with a cache: damage, and rows that are not what they are filed under.

    Raises:
        InputError: there is none, or it cannot be read at all.
    """
    with open_cache(path).reading() as connection:
        state = connection.execute("PRAGMA integrity_check").fetchone()[0]
        found = [] if state == "ok" else [f"{path}: {state}"]
        for row in _rows(connection):
            problem = _row_problem(row)
            if problem:
                found.append(f"{path}: {row[0].hex()[:16]}: {problem}")
        widths = "SELECT source, count(DISTINCT length(vector)) FROM vectors GROUP BY source"
        for source, count in connection.execute(widths):
            if count > 1:
                found.append(f"{path}: {_source_of(source).model}: vectors of {count} widths")
    return found


def export_vectors(path: Path, target: Path, choice: Choice) -> int:
    """Write vectors, with texts and prices, into a file of their own; their number.

    Raises:
        InputError: there is no cache.
    """
    with open_cache(path).reading() as connection, atomic_path(target) as temporary:
        rows = (row for row in _rows(connection) if choice.takes(_source_of(row[1])))
        return _insert(Database(temporary, SCHEMA), rows)


def import_vectors(path: Path, origin: Path) -> int:
    """Take over the vectors of an exported file that are not there yet; their number.

    Every row is checked; where one is wrong nothing is taken over.

    Raises:
        InputError: there is no such file, or a row is wrong.
    """
    with open_cache(origin).reading() as connection:
        return _insert(Database(path, SCHEMA, journal_mode=None), _checked(connection, origin))


def prune(path: Path, choice: Choice) -> int:
    """Delete the vectors of a choice, and give their space back; their number.

    Raises:
        InputError: there is no cache, or nothing was chosen.
    """
    if choice == Choice():
        raise InputError("prune: name a provider or a model; paid vectors are not deleted at large")
    database = open_cache(path)
    with database.writing() as connection:
        known = [row[0] for row in connection.execute("SELECT DISTINCT source FROM vectors")]
        chosen = [(source,) for source in known if choice.takes(_source_of(source))]
        deleted = sum(
            connection.execute("DELETE FROM vectors WHERE source = ?", source).rowcount
            for source in chosen
        )
    database.compact()
    return deleted


def _insert(database: Database, rows: Iterator[Row]) -> int:
    with database.writing() as connection:
        before = connection.total_changes
        connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        return connection.total_changes - before


def _checked(connection: Connection, origin: Path) -> Iterator[Row]:
    for row in _rows(connection):
        problem = _row_problem(row)
        if problem:
            raise InputError(f"{origin}: {row[0].hex()[:16]}: {problem}; nothing was imported")
        yield row


def _rows(connection: Connection) -> Iterator[Row]:
    yield from connection.execute(f"SELECT {_COLUMNS} FROM vectors ORDER BY rowid")


def _row_problem(row: Row) -> str | None:
    key, source, text, blob = row[:4]
    if _source_of(source).key(text) != key:
        return "filed under another key than its source and text have"
    if not blob or len(blob) % STORED.itemsize:
        return f"a vector of {len(blob)} bytes"
    vector = np.frombuffer(blob, dtype=STORED)
    if not np.isfinite(vector).all():
        return "a vector with NaN or infinity"
    return None if vector.any() else "a vector of zeros"


def _source_of(text: str) -> Source:
    try:
        return Source(**json.loads(text))
    except (ValueError, TypeError):
        raise InputError(f"cache: {text[:60]!r} tells of no source") from None


def describe(summary: Summary) -> str:
    """A summary in one line."""
    source = {key: value for key, value in asdict(summary.source).items() if value is not None}
    price = known_price(summary.usd, summary.unpriced)
    named = " ".join(str(value) for value in source.values())
    return (
        f"{named}: {summary.vectors:,} vectors of {summary.dimensions} dimensions,"
        f" {summary.bytes / 2**20:.1f} MiB, {summary.tokens:,.0f} tokens, {price}"
    )


def known_price(usd: float, unpriced: int) -> str:
    """A sum of prices, and how many are missing from it."""
    return f"{usd:.4f} USD" + (f" and {unpriced} of unknown price" if unpriced else "")
