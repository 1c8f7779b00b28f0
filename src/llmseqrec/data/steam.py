"""Steam, version 2: reviews and games as Python-literal lines (study, §7.1.1; Kang & McAuley 2018).

Roles of the files: `reviews` (username, product_id, date, optionally text) and `games` (id, title,
genres, tags).
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from llmseqrec.config import Dataset
from llmseqrec.data.lines import read_blocks
from llmseqrec.data.literal import LiteralBlock, LiteralFields, decode
from llmseqrec.data.raw import (
    RawData,
    RawSource,
    Tally,
    categorical,
    checked_id,
    class_of,
    interner,
    replaced,
    report,
    source_of,
    unique_items,
    well_formed,
)

GAME_FIELDS = ("id", "title", "genres", "tags")
REVIEW_FIELDS = ("username", "product_id", "date")
UNDATED, NOT_A_DATE = -(2**62), -(2**62) + 1  # stand in for seconds
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def read(dataset: Dataset, files: Mapping[str, Path]) -> RawData:
    """Read reviews of games that have metadata, and all games that have it.

    Games that lack an id, title, genres or tags are dropped, and so are reviews of games that are
    absent or dropped, and reviews without user, game or date; each kind is counted. Reviews are
    streamed: memory holds three integers a row besides the distinct ids.

    Returns:
        `timestamp` is midnight UTC of the day; `items` has title, tags, genres (sorted) and class.

    Raises:
        InputError: a file is unreadable, or too many of its lines are malformed.
    """
    games_source = source_of(dataset, files, "games")
    games_tally = Tally(games_source)
    items, counts = _read_games(games_source, games_tally)
    games_tally.check(dataset.malformed_share)
    reviews = _Reviews(source_of(dataset, files, "reviews"), dataset.keep_text)
    reviews.read()
    reviews.tally.check(dataset.malformed_share)
    interactions = reviews.table(set(items["item"]))
    tallies = {"games": games_tally, "reviews": reviews.tally}
    return RawData(interactions, items, report(tallies, counts | reviews.counts))


def _read_games(source: RawSource, tally: Tally) -> tuple[pd.DataFrame, Counter[str]]:
    fields = LiteralFields(GAME_FIELDS)
    rows, lines, counts = [], [], Counter[str]()
    for block in read_blocks(source):
        games = fields.read(block)
        wrong = []
        for offset, *sources in zip(games.lines, *games.columns.values(), strict=True):
            values = [decode(source) for source in sources]
            if None in values or not all(isinstance(names, list) for names in values[2:]):
                counts["games_without_metadata"] += 1
                continue
            try:
                rows.append(_game(values))
                lines.append(tally.lines + offset + 1)
            except ValueError as error:
                wrong.append((offset, str(error)))
        tally.count(games.n_lines, sorted(games.malformed + wrong))
    table = pd.DataFrame(rows, columns=["item", "title", "genres", "tags", "class"])
    unique = unique_items(table, lines, source)
    counts["games_repeated"] = len(table) - len(unique)
    counts["games_with_replaced_characters"] = replaced(unique)
    return unique, counts


def _game(values: list[Any]) -> tuple[str, str, list[str], list[str], str | None]:
    """Item, title, genres, tags and class; the paper joins the sorted genres to the class."""
    item, title, genres, tags = values
    genres, tags = (sorted(well_formed(str(name)) for name in names) for names in (genres, tags))
    return checked_id(str(item)), well_formed(str(title)), genres, tags, class_of(genres)


class _Reviews:
    """Reviews as codes: of the user, the game and the day of each row.

    What is interned is the source of a value, so that each distinct one is decoded once.
    """

    def __init__(self, source: RawSource, keep_text: bool) -> None:
        self.tally = Tally(source)
        self.counts: Counter[str] = Counter()
        self.keep_text = keep_text
        self._fields = LiteralFields((*REVIEW_FIELDS, "text") if keep_text else REVIEW_FIELDS)
        self._sources = tuple(interner() for _ in REVIEW_FIELDS)
        self._codes = tuple(array("i") for _ in REVIEW_FIELDS)
        self._seconds: list[int] = []  # of each distinct day
        self._wrong: set[bytes] = set()  # what stands for a day and is none
        self._reviews: list[str] = []

    def read(self) -> None:
        for block in read_blocks(self.tally.source):
            found = self._fields.read(block)
            for name, codes, known in zip(REVIEW_FIELDS, self._codes, self._sources, strict=True):
                codes.extend(map(known.__getitem__, found.columns[name]))
            wrong = self._learn_days(found)
            if self.keep_text:
                self._reviews += [
                    well_formed(str(decode(source) or "")) for source in found.columns["text"]
                ]
            self.tally.count(found.n_lines, sorted(found.malformed + wrong))

    def table(self, games: set[str]) -> pd.DataFrame:
        """The rows that have all they need; empties this object."""
        users, items = ([_name(source) for source in known] for known in self._sources[:2])
        self._sources = ()
        user, item, day = (np.frombuffer(codes, dtype=np.int32) for codes in self._codes)
        seconds = np.array(self._seconds, dtype=np.int64)[day]
        keep = seconds != NOT_A_DATE
        lacking = {
            "reviews_without_username": _flags(name is None for name in users)[user],
            "reviews_without_product_id": _flags(name is None for name in items)[item],
            "reviews_without_date": seconds == UNDATED,
            "reviews_without_game": _flags(name not in games for name in items)[item],
        }
        for rule, fails in lacking.items():
            self.counts[rule] = int(np.count_nonzero(keep & fails))
            keep &= ~fails
        table = pd.DataFrame(
            {
                "session": categorical(user[keep], users),
                "item": categorical(item[keep], items),
                "timestamp": seconds[keep],
            }
        )
        if self.keep_text:
            table["text"] = list(itertools.compress(self._reviews, keep))
            self.counts["reviews_with_replaced_characters"] = replaced(table[["text"]])
        return table

    def _learn_days(self, found: LiteralBlock) -> list[tuple[int, str]]:
        """Turn new days into seconds; what to report of the rows whose day is none."""
        days = self._sources[2]
        if len(days) > len(self._seconds):
            new = itertools.islice(days, len(self._seconds), None)
            self._seconds += [_seconds(decode(source)) for source in new]
            self._wrong = {day for day, code in days.items() if self._seconds[code] == NOT_A_DATE}
        if not self._wrong:
            return []
        return [
            (offset, f"date {decode(source)!r} is not YYYY-MM-DD")
            for offset, source in zip(found.lines, found.columns["date"], strict=True)
            if source in self._wrong
        ]


def _flags(values: Iterable[bool]) -> NDArray[np.bool_]:
    return np.fromiter(values, dtype=bool)


def _name(source: bytes) -> str | None:
    """An id as text; None where it is absent, empty or no text."""
    value = decode(source)
    if isinstance(value, str) and value.isascii():
        return value or None
    try:
        return None if value is None else checked_id(str(value))
    except ValueError:
        return None


def _seconds(value: object) -> int:
    """Midnight UTC of a day written YYYY-MM-DD."""
    if value is None or value == "":
        return UNDATED
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return NOT_A_DATE
    try:
        return (dt.date.fromisoformat(value) - dt.date(1970, 1, 1)).days * 86_400
    except ValueError:
        return NOT_A_DATE
