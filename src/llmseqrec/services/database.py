"""Small sqlite files that several processes write at once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from llmseqrec.errors import FileError, InputError
from llmseqrec.storage import make_folder

JournalMode = Literal["delete", "wal"]
LOCK_TIMEOUT = 60.0  # seconds a writer waits for the others
# Deleting it would buy again what it holds.
_RESTORE = "put a copy in its place, or repair it by sqlite3's .recover, and run again"
PAGE_SIZE = 16_384  # a vector of 1,536 float32 fills less than one page


@dataclass(frozen=True)
class Database:
    """A file of known tables; every use of it is a connection and a transaction of its own.

    Short connections may be used from any thread, and leave no lock behind on a network file
    system when a process is killed.

    Attributes:
        path: the file; made, with its folder, when it is first written.
        schema: statements that create what is missing.
        version: of the schema, kept in the file.
        journal_mode: `delete` works on network file systems, `wal` needs memory that the writers
            share, so one machine; None leaves it as it is.
    """

    path: Path
    schema: tuple[str, ...]
    version: int = 1
    journal_mode: JournalMode | None = "delete"

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the write lock from its start; undone where the block raises.

        Raises:
            FileError: the file is no such database, is damaged or stays locked.
            InputError: it is of another version.
        """
        make_folder(self.path.parent)
        with self._connected(self.path.as_posix()) as connection:
            self._prepare(connection)
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of the file, which must exist.

        Raises:
            InputError: there is no such file, or it is no such database.
        """
        if not self.path.is_file():
            raise InputError(f"{self.path}: no such file")
        with self._connected(self.path.as_posix()) as connection:
            self._prepare(connection)
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")

    def compact(self) -> None:
        """Give the space of deleted rows back to the file system."""
        with self._connected(self.path.as_posix()) as connection:
            connection.execute("VACUUM")

    @contextmanager
    def _connected(self, name: str) -> Iterator[sqlite3.Connection]:
        try:
            with closing(
                sqlite3.connect(name, timeout=LOCK_TIMEOUT, isolation_level=None)
            ) as connection:
                yield connection
        except (sqlite3.OperationalError, sqlite3.IntegrityError) as error:
            raise FileError(f"{self.path}: {error}") from None
        except sqlite3.Error as error:
            raise FileError(f"{self.path}: {error}; {_RESTORE}") from None

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables of a new file; refuse one of another version."""
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found == 0:
            connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        self._set_journal_mode(connection)
        if found == self.version:
            return
        if found != 0:
            raise InputError(f"{self.path}: version {found}, {self.version} is known here")
        connection.execute("BEGIN IMMEDIATE")
        for statement in self.schema:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {self.version}")
        connection.execute("COMMIT")

    def _set_journal_mode(self, connection: sqlite3.Connection) -> None:
        """Change the mode where it differs; sqlite does not wait for others here, so this does."""
        if self.journal_mode is None:
            return
        deadline = time.monotonic() + LOCK_TIMEOUT
        while connection.execute("PRAGMA journal_mode").fetchone()[0] != self.journal_mode:
            try:
                connection.execute(f"PRAGMA journal_mode = {self.journal_mode}")
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
