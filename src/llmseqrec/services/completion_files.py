"""What one does with a whole cache of answers: look and check."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llmseqrec.services.cache_files import known_price
from llmseqrec.services.completions import SCHEMA, Asker, Question
from llmseqrec.services.database import Database


def answer_lines(path: Path) -> Iterator[str]:
    """What a cache of answers holds, a line a base model; nothing where there is none."""
    if not path.is_file():
        return
    query = (
        "SELECT provider, endpoint, base, count(*), total(input_tokens), total(output_tokens),"
        " total(usd), sum(usd IS NULL) FROM completions GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )
    with Database(path, SCHEMA, journal_mode=None).reading() as connection:
        for *named, requests, asked, answered, usd, unpriced in connection.execute(query):
            price = known_price(usd, unpriced)
            yield (
                f"{' '.join(named)}: {requests:,} requests, {asked:,.0f} tokens of questions,"
                f" {answered:,.0f} of answers, {price}"
            )


def answer_problems(path: Path) -> list[str]:
    """Whatever is wrong with a cache of answers; nothing where there is none.

    Raises:
        InputError: it cannot be read at all.
    """
    if not path.is_file():
        return []
    query = "SELECT key, provider, endpoint, base, request, texts FROM completions ORDER BY rowid"
    with Database(path, SCHEMA, journal_mode=None).reading() as connection:
        state = connection.execute("PRAGMA integrity_check").fetchone()[0]
        found = [] if state == "ok" else [f"{path}: {state}"]
        for row in connection.execute(query):
            problem = _row_problem(*row)
            if problem:
                found.append(f"{path}: {row[0].hex()[:16]}: {problem}")
    return found


def _row_problem(key: bytes, *row: Any) -> str | None:
    """Why a row is not what it is filed under, or None."""
    provider, endpoint, base, asked, texts = row
    try:
        where, request, part = json.loads(asked)
        answers = json.loads(texts)
    except ValueError:
        return "a question or its answers are no JSON"
    if Question(Asker(provider, endpoint, base, where), request, part).key != key:
        return "filed under another key than its question has"
    if not isinstance(answers, list) or not all(isinstance(one, str) for one in answers):
        return "answers that are no texts"
    return None
