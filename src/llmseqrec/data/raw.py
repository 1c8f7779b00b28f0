"""What every reader of a raw format takes and returns, and how it accounts for bad lines."""

from __future__ import annotations

import itertools
import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from llmseqrec.config import Dataset
from llmseqrec.errors import InputError, shown

EXAMPLES = 20  # malformed lines kept in the report
MOST_SHOWN = 300  # characters of the reason
LARGEST_SINGLE = float(np.finfo(np.float32).max)
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RawSource:
    """A raw file: plain, gzip, or a member of a zip archive, told apart by their first bytes."""

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return f"{self.path}:{self.member}" if self.member else str(self.path)


@dataclass(frozen=True)
class ReadReport:
    """What was read and what was left out.

    Attributes:
        lines: lines of each file, by role.
        malformed: the first malformed lines, each as ``file:line: reason``.
        n_malformed: all malformed lines.
        counts: rows dropped by each rule of the format, and other facts, by name.
    """

    lines: dict[str, int]
    malformed: list[str]
    n_malformed: int
    counts: dict[str, int]


@dataclass(frozen=True)
class RawData:
    """Tables of a raw dataset, before any filter of the study.

    Attributes:
        interactions: in file order. `session`, `item`: categoricals of str whose categories are
            sorted, so sorting by them sorts the ids; `timestamp`: int64 seconds UTC, absent when
            only an order is known; `order`: int64, `rating`: float32 and `text`: str, each only
            if the files have it.
        items: one row an item. `item`, `title` ("" if none): str; `brand`: str and `categories`,
            `tags`, `genres`: lists of str, where the format has them; `class`: str, missing where
            an item has no keyword.
        report: what was read and what was left out.
    """

    interactions: pd.DataFrame
    items: pd.DataFrame
    report: ReadReport


class Tally:
    """Counts the lines of one file, and the malformed ones among them."""

    def __init__(self, source: RawSource) -> None:
        self.source = source
        self.lines = 0
        self.n_malformed = 0
        self.malformed: list[str] = []

    def add(self, line: int, reason: str) -> None:
        """Count a malformed line, by its number from 1."""
        self.n_malformed += 1
        if len(self.malformed) < EXAMPLES:
            reason = reason if len(reason) <= MOST_SHOWN else f"{reason[:MOST_SHOWN]}..."
            self.malformed.append(f"{self.source}:{line}: {' '.join(reason.split())}")

    def count(self, n_lines: int, malformed: Iterable[tuple[int, str]]) -> None:
        """Count the lines of a block, of which some, by offset, are malformed."""
        for offset, reason in malformed:
            self.add(self.lines + offset + 1, reason)
        self.lines += n_lines

    def check(self, malformed_share: float) -> None:
        """Warn of malformed lines.

        Raises:
            InputError: their share is above the limit, or the file has no line at all.
        """
        if not self.lines:
            raise InputError(f"{self.source}: the file is empty; download or export it again")
        if not self.n_malformed:
            return
        share = self.n_malformed / self.lines
        found = f"{self.n_malformed} of {self.lines} lines are malformed ({share:.3%})"
        if share > malformed_share:
            raise InputError(
                f"{self.malformed[0]}; {found}, above the limit of {malformed_share:.3%}: "
                "mend the file or raise malformed_share"
            )
        logger.warning("%s; %s and were left out", self.malformed[0], found)


def report(tallies: Mapping[str, Tally], counts: Mapping[str, int]) -> ReadReport:
    """The report of the files of a dataset, by role."""
    malformed = [line for tally in tallies.values() for line in tally.malformed]
    return ReadReport(
        lines={role: tally.lines for role, tally in tallies.items()},
        malformed=malformed[:EXAMPLES],
        n_malformed=sum(tally.n_malformed for tally in tallies.values()),
        counts={name: count for name, count in counts.items() if count},
    )


def source_of(dataset: Dataset, files: Mapping[str, Path], role: str) -> RawSource:
    """The file of a role.

    Raises:
        InputError: the role is not given.
    """
    if role not in files:
        given = ", ".join(files) or "none"
        raise InputError(f"raw.{role}: format {dataset.format} needs this file; given: {given}")
    described = dataset.raw.get(role)
    return RawSource(Path(files[role]), described.member if described else None)


def interner() -> defaultdict[Any, int]:
    """A dictionary that numbers its keys by first appearance when they are looked up."""
    return defaultdict(itertools.count().__next__)


def categorical(codes: NDArray[np.int32], names: Sequence[str | None]) -> pd.Categorical:
    """A categorical whose categories are sorted and all in use, out of codes into `names`.

    Names may repeat; None may only stand where no code points.
    """
    used = np.flatnonzero(np.bincount(codes, minlength=len(names)))
    values = pd.Index([names[code] for code in used.tolist()], dtype="str")
    labels, categories = pd.factorize(values, sort=True)
    renumbered = np.zeros(len(names), dtype=np.int32)
    renumbered[used] = labels
    kind = pd.CategoricalDtype(categories)
    return pd.Categorical.from_codes(renumbered[codes], dtype=kind)


def well_formed(text: str) -> str:
    """Text that can be written as UTF-8: surrogate pairs joined, lone ones replaced."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def replaced(table: pd.DataFrame) -> int:
    """Rows with a text that `well_formed` has changed, or that came with a replaced character."""
    found = np.zeros(len(table), dtype=bool)
    for name in table:
        texts = ("".join(v) if isinstance(v, list) else v for v in table[name])
        marks = ("\ufffd" in text if isinstance(text, str) else False for text in texts)
        found |= np.fromiter(marks, bool, len(table))
    return int(found.sum())


def checked_id(value: str) -> str:
    """An id that can be written as UTF-8; a replaced character could make two ids one.

    Raises:
        ValueError: it has half of a surrogate pair.
    """
    text = value if value.isascii() else well_formed(value)
    if "\ufffd" in text and "\ufffd" not in value:
        raise ValueError(f"the id {shown(value)} is no text")
    return text


def checked_rating(value: Any) -> float:
    """A rating in single precision; NaN where it is absent.

    Raises:
        ValueError: it is no finite number of that precision.
    """
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"the rating {shown(value)} is not a number")
    if not abs(value) <= LARGEST_SINGLE:
        raise ValueError(f"the rating {shown(value)} is beyond single precision")
    return float(value)


def unique_items(items: pd.DataFrame, lines: list[int], source: RawSource) -> pd.DataFrame:
    """Items without the repetitions of a row; `lines` are the line numbers of the rows.

    Raises:
        InputError: rows of the same item differ.
    """
    repeated = items["item"].duplicated().to_numpy()
    if not repeated.any():
        return items
    first = items[~repeated].set_index("item", drop=False)
    for row in np.flatnonzero(repeated):
        item = items["item"].iloc[row]
        if items.iloc[row].to_dict() != first.loc[item].to_dict():
            raise InputError(
                f"{source}:{lines[row]}: item {shown(item)} is described twice and differently; "
                "keep one of the lines"
            )
    return items[~repeated].reset_index(drop=True)


def with_missing_items(items: pd.DataFrame, used: pd.Index) -> pd.DataFrame:
    """Items, then one untitled row for each used item that they lack, sorted by id."""
    missing = used.difference(pd.Index(items["item"]))
    if missing.empty:
        return items
    blank = pd.DataFrame({"item": missing.astype("str")}).reindex(columns=items.columns)
    for name in items.columns.drop(["item", "class"], errors="ignore"):
        blank[name] = "" if name in ("title", "brand") else pd.Series([[] for _ in missing])
    if "class" in blank:
        blank["class"] = None
    return pd.concat([items, blank], ignore_index=True)


def class_of(keywords: Iterable[str]) -> str | None:
    """The class of an item: its distinct keywords, sorted, joined with ``_`` (paper §7.1.1)."""
    return "_".join(sorted(set(keywords))) or None
