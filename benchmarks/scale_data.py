"""A shop of any size in the shape of Beauty, written as raw files by chunks of sessions.

Interactions of 5 items and more a session, with a long tail; popularity falls as in Beauty, where
the most popular of 12,101 items has about 430 of 198,502 rows and the rarest 5; three of ten items
follow the one before them among its 20 neighbours, so that pairs recur. Times are days. Nothing is
sorted by item, brands and categories mean nothing: what is measured is size, not accuracy.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

USERS, ITEMS = 22_363, 12_101  # Beauty's
SHORTEST, LONGEST, MEAN_REST, SPREAD = 5, 200, 3.88, 1.1
SHIFT, POWER = 60, 0.2  # popularity falls as (rank + SHIFT) ** (POWER - 1)
FOLLOWS, NEAR = 0.3, 20
DAYS, DAY = 2_000, 86_400
WORDS, TITLE = 5_000, 9
CHUNK = 50_000  # sessions, or items, at once


@dataclass(frozen=True)
class Size:
    """How large the shop is: `times` Beauty."""

    times: float = 1.0

    @property
    def users(self) -> int:
        """Sessions."""
        return int(USERS * self.times)

    @property
    def items(self) -> int:
        """Items of the catalogue; a few are never bought."""
        return int(ITEMS * self.times)


@dataclass(frozen=True)
class Rows:
    """Interactions of some sessions, side by side: user, item and second of each."""

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    times: NDArray[np.int64]


def interactions(size: Size, seed: int = 0) -> Iterator[Rows]:
    """All interactions, a chunk of sessions at a time; the same arguments give the same rows."""
    rng = np.random.default_rng(seed)
    for first in range(0, size.users, CHUNK):
        count = min(CHUNK, size.users - first)
        rest = rng.lognormal(np.log(MEAN_REST + 0.5) - SPREAD**2 / 2, SPREAD, count)
        lengths = np.minimum(SHORTEST + rest.astype(np.int64), LONGEST)
        users = np.repeat(np.arange(first, first + count), lengths)
        items = _popular(len(users), size.items, rng)
        follows = np.flatnonzero(rng.random(len(users) - 1) < FOLLOWS) + 1
        items[follows] = (items[follows - 1] + rng.integers(1, NEAR, len(follows))) % size.items
        days = np.repeat(rng.integers(0, DAYS, count), lengths) + rng.integers(0, 90, len(users))
        yield Rows(users, items, days * DAY)


def titles(size: Size, seed: int = 1) -> Iterator[list[str]]:
    """Titles of all items, a chunk at a time; frequent words are more frequent."""
    rng = np.random.default_rng(seed)
    for first in range(0, size.items, CHUNK):
        count = min(CHUNK, size.items - first)
        words = (WORDS ** rng.random((count, TITLE))).astype(np.int64)
        yield [" ".join(f"word{word}" for word in row) for row in words.tolist()]


def write_amazon(folder: Path, size: Size) -> None:
    """`reviews.json` and `meta.json` in the formats of 2014."""
    folder.mkdir(parents=True, exist_ok=True)
    line = '{"reviewerID": "A%012d", "asin": "B%09d", "overall": 5.0, "unixReviewTime": %d}\n'
    with (folder / "reviews.json").open("w", encoding="utf-8") as stream:
        for rows in interactions(size):
            stream.writelines(line % row for row in _tuples(rows))
    described = "{'asin': 'B%09d', 'title': '%s', 'brand': 'b%d', 'categories': [['c%d']]}\n"
    with (folder / "meta.json").open("w", encoding="utf-8") as stream:
        for first, chunk in zip(range(0, size.items, CHUNK), titles(size), strict=True):
            numbered = enumerate(chunk, first)
            stream.writelines(described % (n, title, n % 997, n % 211) for n, title in numbered)


def write_csv(folder: Path, size: Size) -> None:
    """`rows.csv` and `items.csv` of the same shop."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "rows.csv").open("w", encoding="utf-8") as stream:
        stream.write("session_id,item_id,timestamp\n")
        for rows in interactions(size):
            stream.writelines(f"A{u:012d},B{i:09d},{t}\n" for u, i, t in _tuples(rows))
    with (folder / "items.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["item_id", "title"])
        for first, chunk in zip(range(0, size.items, CHUNK), titles(size), strict=True):
            writer.writerows((f"B{n:09d}", title) for n, title in enumerate(chunk, first))


def _popular(count: int, n_items: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Items by their popularity: the inverse of its integral."""
    low, high = SHIFT**POWER, (SHIFT + n_items) ** POWER
    ranks = (low + (high - low) * rng.random(count)) ** (1 / POWER) - SHIFT
    return np.clip(ranks.astype(np.int64), 0, n_items - 1)


def _tuples(rows: Rows) -> Iterator[tuple[int, int, int]]:
    return zip(rows.users.tolist(), rows.items.tolist(), rows.times.tolist(), strict=True)
