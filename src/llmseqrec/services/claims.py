"""Rows of a shared sqlite file that several processes buy: each claims what it is about to buy."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from sqlite3 import Connection

from llmseqrec.services.database import Database
from llmseqrec.services.owners import may_live, own_name

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS claims (key BLOB PRIMARY KEY, owner TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS owners (owner TEXT PRIMARY KEY, seen REAL NOT NULL)",
)
_AT_ONCE = 500  # keys in one statement


@dataclass(frozen=True)
class ClaimedRows:
    """The rows of one table, which has a column `key`, in a file that has `SCHEMA` too.

    Attributes:
        database: the file.
        table: its table.
    """

    database: Database
    table: str

    def present(self, keys: Iterable[bytes]) -> set[bytes]:
        """The keys that have a row; none where there is no file."""
        if not self.database.path.is_file():
            return set()
        with self.database.reading() as connection:
            return _present(connection, self.table, keys)

    def claim(self, keys: Iterable[bytes]) -> set[bytes]:
        """The keys that have no row and that no other living process is about to buy.

        From now on they are this process's to buy, until they are added or released.
        """
        wanted, me = dict.fromkeys(keys), own_name()
        with self.database.writing() as connection:
            _sign_of_life(connection, me)
            _drop_dead_owners(connection)
            taken = _present(connection, self.table, wanted)
            for chunk in chunks(wanted):
                query = f"SELECT key FROM claims WHERE owner <> ? AND key IN ({marks(chunk)})"
                taken |= {row[0] for row in connection.execute(query, [me, *chunk])}
            mine = set(wanted) - taken
            connection.executemany(
                "INSERT OR REPLACE INTO claims VALUES (?, ?)", [(key, me) for key in mine]
            )
        return mine

    def added(self, connection: Connection, keys: Iterable[bytes]) -> None:
        """Rows that are nobody's to buy any more; a sign of life."""
        connection.executemany("DELETE FROM claims WHERE key = ?", [(key,) for key in keys])
        _sign_of_life(connection, own_name())

    def touch(self) -> None:
        """Give a sign of life, which keeps the claims where other machines look at them."""
        with self.database.writing() as connection:
            _sign_of_life(connection, own_name())

    def release(self) -> None:
        """Give up whatever this process has claimed."""
        with self.database.writing() as connection:
            connection.execute("DELETE FROM claims WHERE owner = ?", [own_name()])
            connection.execute("DELETE FROM owners WHERE owner = ?", [own_name()])


def chunks(keys: Iterable[bytes]) -> Iterator[tuple[bytes, ...]]:
    """As many keys as one statement takes."""
    pending = iter(keys)
    while chunk := tuple(islice(pending, _AT_ONCE)):
        yield chunk


def marks(values: Sequence[object]) -> str:
    """Place holders of a statement."""
    return ",".join("?" * len(values))


def _present(connection: Connection, table: str, keys: Iterable[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    for chunk in chunks(keys):
        query = f"SELECT key FROM {table} WHERE key IN ({marks(chunk)})"
        found |= {row[0] for row in connection.execute(query, chunk)}
    return found


def _sign_of_life(connection: Connection, owner: str) -> None:
    connection.execute("INSERT OR REPLACE INTO owners VALUES (?, ?)", [owner, time.time()])


def _drop_dead_owners(connection: Connection) -> None:
    """Claims of a process that is gone are anybody's again."""
    for owner, seen in connection.execute("SELECT owner, seen FROM owners").fetchall():
        if not may_live(owner, seen):
            connection.execute("DELETE FROM claims WHERE owner = ?", [owner])
            connection.execute("DELETE FROM owners WHERE owner = ?", [owner])
