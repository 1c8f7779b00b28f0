"""Answers of language models that were paid for, kept by content, so that none is paid for twice.

Answers are found by the sha256 of everything that decides them: provider, endpoint, path and the
whole request (model, messages or text, sampling, seed, number of answers), as canonical JSON, and
which of several equal requests it was. They are committed after every request, and never changed.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from llmseqrec.errors import InputError
from llmseqrec.services import claims
from llmseqrec.services.claims import ClaimedRows, chunks, marks
from llmseqrec.services.database import Database, JournalMode

KEY_VERSION = 1  # to be raised when the key's content changes
SCHEMA = (
    """CREATE TABLE IF NOT EXISTS completions (
        key BLOB PRIMARY KEY, provider TEXT NOT NULL, endpoint TEXT NOT NULL, base TEXT NOT NULL,
        request TEXT NOT NULL, texts TEXT NOT NULL, input_tokens REAL, output_tokens REAL, usd REAL,
        created REAL NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS completions_by_base ON completions (provider, endpoint, base)",
    *claims.SCHEMA,
)


@dataclass(frozen=True)
class Asker:
    """Who is asked.

    Attributes:
        provider: its registered name.
        endpoint: its address.
        base: the model that the answering one was made from.
        path: of requests, such as /v1/chat/completions.
    """

    provider: str
    endpoint: str
    base: str
    path: str


@dataclass(frozen=True)
class Question:
    """One request.

    Attributes:
        asker: who is asked.
        request: the whole of it, as canonical JSON.
        part: number among several requests of the same prompt; with the seed, where none is sent.
    """

    asker: Asker
    request: str
    part: int = 0

    @property
    def body(self) -> Any:
        """The request as it is sent."""
        return json.loads(self.request)

    @cached_property
    def key(self) -> bytes:
        """The full sha256; the request itself names the model that answers."""
        asker = self.asker
        content = [KEY_VERSION, asker.provider, asker.endpoint, asker.path, self.request, self.part]
        return hashlib.sha256(canonical(content).encode()).digest()


def canonical(content: Any) -> str:
    """The same JSON for the same content, in ASCII."""
    return json.dumps(content, separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True)
class Completion:
    """What was answered to one request.

    Attributes:
        texts: as many as were asked for.
        input_tokens: of the request.
        output_tokens: of all texts.
        usd: price of both, None where it is unknown.
    """

    texts: tuple[str, ...]
    input_tokens: float
    output_tokens: float
    usd: float | None = None


@dataclass(frozen=True)
class AnswerCost:
    """What answers cost when they were bought; `usd` is None where a price is unknown."""

    requests: int
    tokens: float
    usd: float | None


class CompletionCache:
    """A sqlite file of answers, for several writers at once.

    Args:
        path: the file.
        journal_mode: see `Database`.
    """

    def __init__(self, path: Path, journal_mode: JournalMode | None = "delete") -> None:
        self.database = Database(path, SCHEMA, journal_mode=journal_mode)
        self.rows = ClaimedRows(self.database, "completions")

    def count(self, asker: Asker) -> int:
        """Requests of a base model and its descendants; 0 where there is no cache."""
        if not self.database.path.is_file():
            return 0
        query = "SELECT count(*) FROM completions WHERE provider = ? AND endpoint = ? AND base = ?"
        with self.database.reading() as connection:
            values = [asker.provider, asker.endpoint, asker.base]
            return int(connection.execute(query, values).fetchone()[0])

    def missing(self, questions: Iterable[Question]) -> list[Question]:
        """The distinct questions that have no answer, in the order of their first appearance."""
        wanted = {question.key: question for question in questions}
        present = self.rows.present(wanted)
        return [question for key, question in wanted.items() if key not in present]

    def claim(self, questions: Iterable[Question]) -> list[Question]:
        """Those that nobody else alive is about to ask; they are this process's to ask."""
        wanted = {question.key: question for question in questions}
        mine = self.rows.claim(wanted)
        return [question for key, question in wanted.items() if key in mine]

    def release(self) -> None:
        """Give up whatever this process has claimed."""
        self.rows.release()

    def add(self, question: Question, completion: Completion) -> None:
        """Commit the answer to one request; the first one stays."""
        asker = question.asker
        row = (
            question.key,
            asker.provider,
            asker.endpoint,
            asker.base,
            canonical([asker.path, question.request, question.part]),
            canonical(completion.texts),
            completion.input_tokens,
            completion.output_tokens,
            completion.usd,
            time.time(),
        )
        with self.database.writing() as connection:
            connection.execute(
                f"INSERT OR IGNORE INTO completions VALUES ({marks(row)})",
                row,
            )
            self.rows.added(connection, [question.key])

    def read(self, questions: Sequence[Question]) -> list[Completion]:
        """The answers to questions, in their order.

        Raises:
            InputError: one has none.
        """
        found = self._stored(questions)
        lacking = sum(question.key not in found for question in questions)
        if lacking:
            raise InputError(f"{self.database.path}: {lacking} questions have no answer")
        return [found[question.key] for question in questions]

    def cost(self, questions: Iterable[Question]) -> AnswerCost:
        """What the answers that are there cost when they were bought, each request once."""
        found = list(self._stored(questions).values())
        prices = [one.usd for one in found if one.usd is not None]
        usd = round(sum(prices), 9) if len(prices) == len(found) else None
        return AnswerCost(len(found), sum(o.input_tokens + o.output_tokens for o in found), usd)

    def _stored(self, questions: Iterable[Question]) -> dict[bytes, Completion]:
        keys = dict.fromkeys(question.key for question in questions)
        found: dict[bytes, Completion] = {}
        if not self.database.path.is_file():
            return found
        with self.database.reading() as connection:
            for chunk in chunks(keys):
                columns = "key, texts, input_tokens, output_tokens, usd"
                query = f"SELECT {columns} FROM completions WHERE key IN ({marks(chunk)})"
                for key, texts, *rest in connection.execute(query, chunk):
                    found[key] = Completion(tuple(json.loads(texts)), *rest)
        return found
