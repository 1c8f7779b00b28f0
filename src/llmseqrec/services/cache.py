"""Vectors that were paid for, kept by content, so that no text is paid for twice.

A vector is found by the sha256 of everything that decides it: provider, endpoint, model, revision,
dimensions, task type and text, as canonical JSON; so nothing is mixed up, and a cache can be
shared. Vectors are committed after every request, and never changed.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from sqlite3 import Connection

import numpy as np
from numpy.typing import NDArray

from llmseqrec.errors import InputError
from llmseqrec.services import claims
from llmseqrec.services.claims import ClaimedRows, chunks, marks
from llmseqrec.services.database import Database, JournalMode

FloatArray = NDArray[np.float32]
KEY_VERSION = 1  # to be raised when the key's content changes
SCHEMA = (
    """CREATE TABLE IF NOT EXISTS vectors (
        key BLOB PRIMARY KEY, source TEXT NOT NULL, text TEXT NOT NULL, vector BLOB NOT NULL,
        tokens REAL, usd REAL, created REAL NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS vectors_by_source ON vectors (source)",
    *claims.SCHEMA,
)
STORED = np.dtype("<f4")


@dataclass(frozen=True)
class Source:
    """What decides a vector besides the text."""

    provider: str
    endpoint: str
    model: str
    revision: str | None = None
    dimensions: int | None = None
    task_type: str | None = None

    @property
    def canonical(self) -> str:
        """The same JSON for the same source."""
        return json.dumps(asdict(self), separators=(",", ":"))

    def key(self, text: str) -> bytes:
        """The full sha256 of the source and a text."""
        return hashlib.sha256(f"{self._head}{json.dumps(text)}]".encode()).digest()

    @cached_property
    def _head(self) -> str:
        """The JSON list of a key up to its last element, the text."""
        content = [KEY_VERSION, *asdict(self).values()]
        return json.dumps(content, separators=(",", ":"))[:-1] + ","


@dataclass(frozen=True)
class Paid:
    """A vector as it was answered, and its share of the request's tokens and price.

    Attributes:
        vector: (dim,).
        tokens: None where the service does not tell.
        usd: None where the price is unknown.
    """

    vector: FloatArray
    tokens: float | None = None
    usd: float | None = None


@dataclass(frozen=True)
class Cost:
    """What vectors cost when they were bought.

    Attributes:
        texts: distinct texts.
        tokens: summed over the texts of which they are known.
        usd: the same for prices; None where one of them is unknown.
    """

    texts: int
    tokens: float
    usd: float | None


class VectorCache:
    """A sqlite file of vectors, for several writers at once.

    Args:
        path: the file.
        journal_mode: see `Database`.
    """

    def __init__(self, path: Path, journal_mode: JournalMode = "delete") -> None:
        self.database = Database(path, SCHEMA, journal_mode=journal_mode)
        self.rows = ClaimedRows(self.database, "vectors")

    def count(self, source: Source) -> int:
        """Vectors of a source; 0 where there is no cache."""
        if not self.database.path.is_file():
            return 0
        with self.database.reading() as connection:
            query = "SELECT count(*) FROM vectors WHERE source = ?"
            return int(connection.execute(query, [source.canonical]).fetchone()[0])

    def width(self, source: Source) -> int | None:
        """Dimensions of a source's vectors, or None where there is none."""
        if not self.database.path.is_file():
            return None
        with self.database.reading() as connection:
            query = "SELECT length(vector) FROM vectors WHERE source = ? LIMIT 1"
            row = connection.execute(query, [source.canonical]).fetchone()
        return None if row is None else int(row[0]) // STORED.itemsize

    def missing(self, source: Source, texts: Iterable[str]) -> list[str]:
        """The distinct texts that have no vector, in the order of their first appearance."""
        wanted = {source.key(text): text for text in texts}
        present = self.rows.present(wanted)
        return [text for key, text in wanted.items() if key not in present]

    def claim(self, source: Source, texts: Iterable[str]) -> list[str]:
        """The texts that have no vector and that no other living process is about to buy.

        From now on they are this process's to buy, until they are added or released.
        """
        wanted = {source.key(text): text for text in texts}
        mine = self.rows.claim(wanted)
        return [text for key, text in wanted.items() if key in mine]

    def touch(self) -> None:
        """Give a sign of life, which keeps the claims where other machines look at them."""
        self.rows.touch()

    def release(self) -> None:
        """Give up whatever this process has claimed."""
        self.rows.release()

    def add(self, source: Source, bought: Mapping[str, Paid]) -> None:
        """Commit the vectors of one request; the first vector of a text stays."""
        now = time.time()
        rows = [
            (
                source.key(text),
                source.canonical,
                text,
                _blob(paid.vector),
                paid.tokens,
                paid.usd,
                now,
            )
            for text, paid in bought.items()
        ]
        with self.database.writing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO vectors VALUES (?, ?, ?, ?, ?, ?, ?)", rows
            )
            self.rows.added(connection, [row[0] for row in rows])

    def read(self, source: Source, texts: Sequence[str]) -> FloatArray:
        """The vectors of texts, (n_texts, dim).

        Raises:
            InputError: a text is not in the cache, or vectors of a source differ in width.
        """
        rows_of: dict[bytes, list[int]] = {}
        for row, text in enumerate(texts):
            rows_of.setdefault(source.key(text), []).append(row)
        vectors: FloatArray | None = None
        found = 0
        with self.database.reading() as connection:
            for key, blob in _blobs(connection, rows_of):
                vector = np.frombuffer(blob, dtype=STORED)
                if vectors is None:
                    vectors = np.empty((len(texts), len(vector)), dtype=np.float32)
                if len(vector) != vectors.shape[1]:
                    raise InputError(
                        f"{self.database.path}: vectors of {source.model} have"
                        f" {vectors.shape[1]} and {len(vector)} dimensions; run cache verify"
                    )
                vectors[rows_of[key]] = vector
                found += 1
        if vectors is None or found < len(rows_of):
            raise InputError(
                f"{self.database.path}: {len(rows_of) - found} of {len(rows_of)} texts have no"
                f" vector of {source.model}"
            )
        return vectors

    def cost(self, source: Source, texts: Iterable[str]) -> Cost:
        """What the vectors of texts cost when they were bought, each text once."""
        keys = {source.key(text): None for text in texts}
        known: list[tuple[float | None, float | None]] = []
        with self.database.reading() as connection:
            for chunk in chunks(keys):
                query = f"SELECT tokens, usd FROM vectors WHERE key IN ({marks(chunk)})"
                known += connection.execute(query, chunk).fetchall()
        prices = [usd for _, usd in known if usd is not None]
        tokens = sum(tokens for tokens, _ in known if tokens is not None)
        total = round(sum(prices), 9) if len(prices) == len(known) else None
        return Cost(len(known), round(tokens, 3), total)  # shares add up to a rounded total


def _blobs(connection: Connection, keys: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for chunk in chunks(keys):
        query = f"SELECT key, vector FROM vectors WHERE key IN ({marks(chunk)})"
        yield from connection.execute(query, chunk)


def _blob(vector: FloatArray) -> bytes:
    return np.ascontiguousarray(vector, dtype=STORED).tobytes()
