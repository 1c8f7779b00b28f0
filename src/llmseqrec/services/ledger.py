"""The project's money: one ledger for all jobs, asked before each request.

A request reserves what it may cost at most and settles at what it did cost. What may have been
billed without an answer, by a lost connection or a killed process, stays at that bound: `lost`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection

from llmseqrec.errors import InputError
from llmseqrec.services.database import Database, JournalMode
from llmseqrec.services.owners import may_live, own_name

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS entries (
        id INTEGER PRIMARY KEY, owner TEXT NOT NULL, created REAL NOT NULL, provider TEXT NOT NULL,
        model TEXT NOT NULL, state TEXT NOT NULL, tokens REAL, usd REAL)""",
)
BATCH = "batch/"  # owner of what a batch reserves; such a reservation outlives its process
_POLL = 0.1  # seconds between looks while others' reservations are in the way
_SLACK = 1e-9  # USD; sums of many small prices


@dataclass(frozen=True)
class Balance:
    """Sums over the ledger.

    Attributes:
        spent: USD of settled requests.
        lost: USD that may have been billed without an answer.
        reserved: USD that requests in flight may cost.
        tokens: of settled requests.
        unpriced: settled requests whose price is unknown.
    """

    spent: float
    lost: float
    reserved: float
    tokens: float
    unpriced: int


@dataclass(frozen=True)
class Demand:
    """What a request may cost at most; `usd` is None where the price is unknown."""

    provider: str
    model: str
    tokens: float
    usd: float | None


class Ledger:
    """A sqlite file of reservations and payments, for several processes at once.

    Args:
        path: the file.
        max_usd: what the whole project may spend; None: no limit.
        journal_mode: see `Database`.
    """

    def __init__(
        self, path: Path, max_usd: float | None = None, journal_mode: JournalMode = "delete"
    ) -> None:
        self.database = Database(path, SCHEMA, journal_mode=journal_mode)
        self.max_usd = max_usd

    def reserve(self, demand: Demand, owner: str | None = None) -> int:
        """The number of a new reservation.

        Waits while it is only the reservations of requests in flight that stand in the way.

        Args:
            demand: what is asked for.
            owner: who holds it; this process by default.

        Raises:
            InputError: the limit would be passed, or there is one and the price is unknown.
        """
        if self.max_usd is not None and demand.usd is None:
            raise InputError(
                f"max_usd: the price of {demand.provider} {demand.model} is unknown; add it to the"
                " file of prices"
            )
        while (entry := self._try(demand, owner or own_name())) is None:
            time.sleep(_POLL)
        return entry

    def settle(self, entry: int, tokens: float, usd: float | None) -> None:
        """Replace a reservation by what was paid."""
        self._change(entry, "settled", tokens, usd)

    def lose(self, entry: int) -> None:
        """Count a reservation as spent: nobody knows whether it was billed."""
        with self.database.writing() as connection:
            connection.execute("UPDATE entries SET state = 'lost' WHERE id = ?", [entry])

    def release(self, entry: int) -> None:
        """Drop a reservation: the service refused the request, so that nothing is due."""
        with self.database.writing() as connection:
            connection.execute("DELETE FROM entries WHERE id = ?", [entry])

    def entry_of(self, owner: str) -> int | None:
        """The open reservation of an owner, or None."""
        if not self.database.path.is_file():
            return None
        with self.database.reading() as connection:
            query = "SELECT id FROM entries WHERE owner = ? AND state = 'reserved'"
            row = connection.execute(query, [owner]).fetchone()
        return None if row is None else int(row[0])

    def balance(self) -> Balance:
        """What was spent so far; nothing where there is no ledger."""
        if not self.database.path.is_file():
            return Balance(0.0, 0.0, 0.0, 0.0, 0)
        with self.database.reading() as connection:
            return _balance(connection)

    def _try(self, demand: Demand, owner: str) -> int | None:
        """A reservation, or None where others' have to be settled first."""
        with self.database.writing() as connection:
            _lose_those_of_the_dead(connection)
            if self.max_usd is not None and not self._affords(connection, demand.usd or 0.0):
                return None
            row = (owner, time.time(), demand.provider, demand.model, demand.tokens, demand.usd)
            return connection.execute(
                "INSERT INTO entries (owner, created, provider, model, state, tokens, usd)"
                " VALUES (?, ?, ?, ?, 'reserved', ?, ?)",
                row,
            ).lastrowid

    def _affords(self, connection: Connection, usd: float) -> bool:
        balance, firm = _balance(connection), _reserved_by_batches(connection)
        limit = (self.max_usd or 0.0) + _SLACK
        held = balance.spent + balance.lost + firm
        if held + usd > limit:
            raise InputError(
                f"max_usd: {self.max_usd:g} would be passed: {held:.4f} USD are spent or may be,"
                f" and the next request may cost {usd:.4f}"
            )
        return held - firm + balance.reserved + usd <= limit

    def _change(self, entry: int, state: str, tokens: float, usd: float | None) -> None:
        with self.database.writing() as connection:
            connection.execute(
                "UPDATE entries SET state = ?, tokens = ?, usd = ? WHERE id = ?",
                [state, tokens, usd, entry],
            )


def _balance(connection: Connection) -> Balance:
    query = "SELECT state, sum(usd), sum(tokens), sum(usd IS NULL) FROM entries GROUP BY state"
    sums = {state: rest for state, *rest in connection.execute(query)}
    usd, tokens, unpriced = sums.get("settled", (0.0, 0.0, 0))
    lost, reserved = (sums.get(state, (0.0,))[0] or 0.0 for state in ("lost", "reserved"))
    return Balance(usd or 0.0, lost, reserved, tokens or 0.0, unpriced or 0)


def _reserved_by_batches(connection: Connection) -> float:
    query = "SELECT sum(usd) FROM entries WHERE state = 'reserved' AND owner LIKE ?"
    return connection.execute(query, [BATCH + "%"]).fetchone()[0] or 0.0


def _lose_those_of_the_dead(connection: Connection) -> None:
    query = "SELECT id, owner, created FROM entries WHERE state = 'reserved'"
    for entry, owner, created in connection.execute(query).fetchall():
        if not owner.startswith(BATCH) and not may_live(owner, created):
            connection.execute("UPDATE entries SET state = 'lost' WHERE id = ?", [entry])
