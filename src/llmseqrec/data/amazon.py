"""Amazon reviews of 2014: JSON-lines reviews, Python-literal metadata (study, §7.1.1).

Roles of the files: `reviews` (reviewerID, asin, unixReviewTime, optionally overall and reviewText)
and `metadata` (asin, title, brand, categories). The 5-core files and the full ones are alike.
"""

from __future__ import annotations

import json
import re
from array import array
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd

from llmseqrec.config import Dataset
from llmseqrec.data.lines import read_blocks, read_lines
from llmseqrec.data.literal import LiteralFields, decode
from llmseqrec.data.raw import (
    RawData,
    RawSource,
    Tally,
    categorical,
    checked_id,
    checked_rating,
    class_of,
    interner,
    replaced,
    report,
    source_of,
    unique_items,
    well_formed,
    with_missing_items,
)

REVIEW_FIELDS = ("reviewerID", "asin", "unixReviewTime")
_QUOTED_FIELDS = tuple(f'"{name}"'.encode() for name in REVIEW_FIELDS)
METADATA_FIELDS = ("asin", "brand", "categories")
# In this order; `&ndash` without its semicolon, and blanks around `and`, as in the reference.
REPLACEMENTS = (
    ("&amp;", " and "),
    ("&lt;", ""),
    ("&gt;", ""),
    ("&ndash", ""),
    ("&mdash;", ""),
    ("&ensp;", ""),
    ("&nbsp;", " "),
    ("&shy;", ""),
    ("&copy;", ""),
    ("&trade;", ""),
    ("&reg;", ""),
    ("&quot;", ""),
)
_TITLES = (re.compile(r"'title':(.*?), '"), re.compile(r"'title':(.*?)}"))


def read(dataset: Dataset, files: Mapping[str, Path]) -> RawData:
    """Read all reviews and all items; ratings and texts are kept where the file has them.

    Repeated reviews of an item by one person stay, as in the study. A reviewed item without
    metadata gets an empty title. `class` joins an item's distinct categories, all levels, sorted.
    The study has 220 classes on Beauty; its code is not published. This reading gives 254 on the
    5-core items, with or without the root, from categories whose nesting is lost.

    Raises:
        InputError: a file is unreadable, too many of its lines are malformed, or it describes an
            item twice and differently.
    """
    reviews = _Reviews(source_of(dataset, files, "reviews"), dataset.keep_text)
    reviews.read()
    reviews.tally.check(dataset.malformed_share)
    interactions = reviews.table()
    source = source_of(dataset, files, "metadata")
    tally = Tally(source)
    described, counts = _read_metadata(source, tally)
    tally.check(dataset.malformed_share)
    items = with_missing_items(described, interactions["item"].cat.categories)
    counts["items_without_metadata"] = len(items) - len(described)
    tallies = {"reviews": reviews.tally, "metadata": tally}
    return RawData(interactions, items, report(tallies, reviews.counts | counts))


def read_title(line: str) -> str:
    """The title in a metadata line, by the reference's rule.

    The rule cuts a title at ``, '`` and leaves escape sequences as they are written.
    """
    found = (pattern.search(line) for pattern in _TITLES)
    title = next((match[1] for match in found if match and match[1]), "")
    return clean_title(title.strip().strip("'").strip('"'))


def parse_review(line: bytes) -> dict[str, Any]:
    """The fields of a review.

    Raises:
        ValueError: the line is no JSON object, or one of the fields that are read repeats.
    """
    review = orjson.loads(line)
    if not isinstance(review, dict):
        raise ValueError("not a JSON object")
    # Counting is cheap; only where a key may repeat is the line parsed by the slower way.
    if any(line.count(key) > 1 for key in _QUOTED_FIELDS):
        json.loads(line, object_pairs_hook=_distinct)
    return review


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    keys = [key for key, _ in pairs]
    for key in REVIEW_FIELDS:
        if keys.count(key) > 1:
            raise ValueError(f"the key {key} repeats")


def clean_title(title: str) -> str:
    """A title with the reference's replacements of HTML entities."""
    for entity, replacement in REPLACEMENTS:
        title = title.replace(entity, replacement)
    return title


class _Reviews:
    """Reviews as codes of the person and the item, with their times."""

    def __init__(self, source: RawSource, keep_text: bool) -> None:
        self.tally = Tally(source)
        self.counts: Counter[str] = Counter()
        self._keep_text = keep_text
        self._users, self._items = interner(), interner()
        self._user, self._item = array("i"), array("i")
        self._times, self._ratings = array("q"), array("d")
        self._texts: list[str] = []

    def read(self) -> None:
        for number, line in read_lines(self.tally.source):
            self.tally.lines = number
            try:
                self._add(parse_review(line))
            except (ValueError, TypeError, OverflowError) as error:
                self.tally.add(number, f"not a review ({error})")

    def table(self) -> pd.DataFrame:
        columns: dict[str, Any] = {
            "session": categorical(np.array(self._user, dtype=np.int32), list(self._users)),
            "item": categorical(np.array(self._item, dtype=np.int32), list(self._items)),
            "timestamp": np.array(self._times, dtype=np.int64),
        }
        ratings = np.array(self._ratings, dtype=np.float32)
        if not np.isnan(ratings).all():
            columns["rating"] = ratings
        if any(self._texts):
            columns["text"] = self._texts
        return pd.DataFrame(columns)

    def _add(self, review: dict[str, Any]) -> None:
        user, item, time = (review.get(name) for name in REVIEW_FIELDS)
        for name, value in zip(REVIEW_FIELDS, (user, item, time), strict=True):
            if value is None or value == "":
                self.counts[f"reviews_without_{name}"] += 1
                return
        if not (isinstance(user, str) and isinstance(item, str) and type(time) is int):
            raise TypeError("reviewerID and asin must be strings, unixReviewTime an integer")
        rating = checked_rating(review.get("overall"))
        text = review.get("reviewText") or ""
        if not isinstance(text, str):
            raise TypeError("reviewText must be a string")
        self._times.append(time)  # first: it may refuse a number beyond 64 bits
        self._ratings.append(rating)
        self._user.append(self._users[user])
        self._item.append(self._items[item])
        if self._keep_text:
            self._texts.append(text)


def _read_metadata(source: RawSource, tally: Tally) -> tuple[pd.DataFrame, Counter[str]]:
    fields = LiteralFields(METADATA_FIELDS)
    rows, numbers, counts = [], [], Counter[str]()
    for block in read_blocks(source):
        found = fields.read(block)
        lines = block.decode(errors="replace").split("\n")
        wrong = []
        for offset, *sources in zip(found.lines, *found.columns.values(), strict=True):
            asin, brand, categories = (decode(source) for source in sources)
            if asin is None or asin == "":
                counts["metadata_without_asin"] += 1
                continue
            names = _flat(categories)
            row = (read_title(lines[offset]), well_formed(str(brand or "")), names, class_of(names))
            try:
                rows.append((checked_id(str(asin)), *row))
                numbers.append(tally.lines + offset + 1)
            except ValueError as error:
                wrong.append((offset, str(error)))
        tally.count(found.n_lines, sorted(found.malformed + wrong))
    table = pd.DataFrame(rows, columns=["item", "title", "brand", "categories", "class"])
    unique = unique_items(table, numbers, source)
    counts["items_with_replaced_characters"] = replaced(unique)
    counts["metadata_repeated"] = len(table) - len(unique)
    counts["items_without_title"] = int((unique["title"] == "").sum())
    return unique, counts


def _flat(categories: Any) -> list[str]:
    """Category names in order, out of one list or a list of lists."""
    if not isinstance(categories, list):
        return []
    paths = (path if isinstance(path, list) else [path] for path in categories)
    return [well_formed(str(name)) for path in paths for name in path]
