"""MovieLens-1M: ``::`` between fields, latin-1 (Harper & Konstan 2015).

Roles of the files: `ratings` (user, movie, rating, time) and `movies` (id, title, genres); each may
be a member of the archive ``ml-1m.zip``. The usual filter of this dataset is the core mode `once`.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from llmseqrec.config import Dataset
from llmseqrec.data.lines import read_lines
from llmseqrec.data.raw import (
    RawData,
    Tally,
    categorical,
    checked_rating,
    class_of,
    interner,
    report,
    source_of,
    unique_items,
    with_missing_items,
)


def read(dataset: Dataset, files: Mapping[str, Path]) -> RawData:
    """Read all ratings and all movies.

    Returns:
        `items` has the title with its year, such as ``Toy Story (1995)``, genres in file order,
        and as class the genres, sorted.

    Raises:
        InputError: a file is unreadable, or too many of its lines are malformed.
    """
    ratings = Tally(source_of(dataset, files, "ratings"))
    interactions = _read_ratings(ratings)
    ratings.check(dataset.malformed_share)
    movies = Tally(source_of(dataset, files, "movies"))
    described = read_movies(movies)
    movies.check(dataset.malformed_share)
    items = with_missing_items(described, interactions["item"].cat.categories)
    counts = {"items_without_metadata": len(items) - len(described)}
    return RawData(interactions, items, report({"ratings": ratings, "movies": movies}, counts))


def _read_ratings(tally: Tally) -> pd.DataFrame:
    users, items = interner(), interner()
    user, item, ratings, times = array("i"), array("i"), array("d"), array("q")
    for number, line in read_lines(tally.source):
        tally.lines = number
        try:
            user_id, item_id, rating, time = line.decode("latin-1").strip().split("::")
            if not (user_id and item_id):
                raise ValueError
            value = checked_rating(float(rating))
            times.append(int(time))
        except (ValueError, OverflowError):
            tally.add(number, "not user::movie::rating::seconds")
            continue
        user.append(users[user_id])
        item.append(items[item_id])
        ratings.append(value)
    return pd.DataFrame(
        {
            "session": categorical(np.array(user, dtype=np.int32), list(users)),
            "item": categorical(np.array(item, dtype=np.int32), list(items)),
            "timestamp": np.array(times, dtype=np.int64),
            "rating": np.array(ratings, dtype=np.float32),
        }
    )


def read_movies(tally: Tally) -> pd.DataFrame:
    """Title, genres and class of every movie of a file, whose lines the tally counts."""
    rows, numbers = [], []
    for number, line in read_lines(tally.source):
        tally.lines = number
        if _is_utf8(line):
            tally.add(number, "written in UTF-8; the file is read as latin-1, as it is published")
            continue
        fields = line.decode("latin-1").strip().split("::")
        if len(fields) != 3 or not fields[0]:
            tally.add(number, "not movie::title::genres")
            continue
        genres = [genre for genre in fields[2].split("|") if genre]
        rows.append((fields[0], fields[1], genres, class_of(genres)))
        numbers.append(number)
    table = pd.DataFrame(rows, columns=["item", "title", "genres", "class"])
    return unique_items(table, numbers, tally.source)


def _is_utf8(line: bytes) -> bool:
    """Whether a line holds more than ASCII and is UTF-8, which latin-1 text hardly ever is."""
    try:
        return not line.isascii() and bool(line.decode())
    except UnicodeDecodeError:
        return False
