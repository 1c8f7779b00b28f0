"""CSV or parquet tables with configurable column names: how a private dataset comes in.

Roles of the files: `interactions` and, optionally, `items` (a table too) or `movies` (MovieLens'
own file of titles and genres). Without either the title and the category of an item are taken from
its first interaction that has them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from llmseqrec.config import Columns, Dataset
from llmseqrec.data.movielens import read_movies
from llmseqrec.data.raw import (
    LARGEST_SINGLE,
    RawData,
    Tally,
    class_of,
    report,
    source_of,
    with_missing_items,
)
from llmseqrec.data.tables import Table, read_table
from llmseqrec.errors import InputError, shown

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


LATEST_SECOND = 10**11  # the year 5138; what is later is in milliseconds
LARGEST_ORDER = 2**53  # beyond it numbers are not told apart


def read(dataset: Dataset, files: Mapping[str, Path]) -> RawData:
    """Read interactions and items.

    Where both a time and an order are named, the order decides inside a session, and a missing time
    is filled from the previous known one of the session in that order, else from the next; filled
    times are counted. Times are integer or decimal seconds, or ISO dates (UTC unless they say
    otherwise). Ids are text: surrounding blanks are removed, nothing else.

    Raises:
        InputError: a column is absent, too many rows are malformed, or an item has two rows.
    """
    columns = dataset.columns or Columns()
    described_apart = "items" in files or "movies" in files
    wanted = _interaction_columns(columns, dataset.keep_text, described_apart)
    source = source_of(dataset, files, "interactions")
    table = read_table(source, wanted, columns.list_separator)
    counts: Counter[str] = Counter()
    rows = _interactions(table, counts)
    tallies = {"interactions": table.tally}
    if "movies" in files:
        tallies["movies"] = Tally(source_of(dataset, files, "movies"))
        described = read_movies(tallies["movies"])
    else:
        if described_apart:
            table = _read_items(dataset, files, columns)
            tallies["items"] = table.tally
        described = _items(table.frame, columns)
    for tally in tallies.values():
        tally.check(dataset.malformed_share)
    items = with_missing_items(described, rows["item"].cat.categories)
    counts["items_without_metadata"] = len(items) - len(described)
    return RawData(rows, items, report(tallies, counts))


def _interaction_columns(
    columns: Columns, keep_text: bool, described_apart: bool
) -> dict[str, str]:
    """Our name of each column to read from the interactions, to its name in the file."""
    if columns.timestamp is None and columns.order is None:
        raise InputError("columns: name a timestamp column, an order column, or both")
    names = {name: getattr(columns, name) for name in ("session", "item", "timestamp", "order")}
    names["rating"] = columns.rating
    names["text"] = columns.text if keep_text else None
    if not described_apart:
        names |= {"title": columns.title, "category": columns.category}
    return {name: column for name, column in names.items() if column is not None}


def _interactions(table: Table, counts: Counter[str]) -> pd.DataFrame:
    """Rows with values of the right types; rows that lack one they need are rejected."""
    for name in ("session", "item"):
        table.reject((table.frame[name] == "").to_numpy(), f"no {name} id")
    for name, parse, reason in (
        ("order", _integers, "the order is not an integer below 2 ** 53"),
        ("rating", _ratings, "the rating is not a number in single precision"),
        ("timestamp", _seconds, "the time is neither seconds nor an ISO date"),
    ):
        if name in table.frame:
            values, wrong = parse(table.frame[name])
            table.frame[name] = values
            table.reject(wrong, reason)
    _fill_times(table, counts)
    kinds = {"session": "category", "item": "category"}  # pandas sorts the categories
    kinds |= {"timestamp": "int64", "order": "int64", "rating": "float32", "text": "str"}
    present = {name: kind for name, kind in kinds.items() if name in table.frame}
    return table.frame[list(present)].astype(present)


def _fill_times(table: Table, counts: Counter[str]) -> None:
    """Give rows without a time a neighbour's, in order; reject those that stay without."""
    if "timestamp" not in table.frame:
        return
    missing = table.frame["timestamp"].isna()
    if missing.any() and "order" in table.frame:
        ordered = table.frame.sort_values("order", kind="stable")
        filled = ordered.groupby("session", sort=False)["timestamp"].ffill()
        filled = filled.groupby(ordered["session"], sort=False).bfill()
        table.frame["timestamp"] = filled.sort_index()
        counts["timestamps_filled"] = int((missing & table.frame["timestamp"].notna()).sum())
    table.reject(table.frame["timestamp"].isna().to_numpy(), "no time")


def _numbers(text: pd.Series[Any]) -> tuple[Floats, Mask]:
    """Numbers, NaN where there is no text, and where the text is no number."""
    numbers = pd.to_numeric(text, errors="coerce")
    values = numbers.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    return values, ~np.isfinite(values) & (text != "").to_numpy()


def _integers(text: pd.Series[Any]) -> tuple[Floats, Mask]:
    values, _ = _numbers(text)
    return values, ~((np.floor(values) == values) & (np.abs(values) < LARGEST_ORDER))


def _ratings(text: pd.Series[Any]) -> tuple[Floats, Mask]:
    values, wrong = _numbers(text)
    return values, wrong | (np.abs(values) > LARGEST_SINGLE)


def _seconds(text: pd.Series[Any]) -> tuple[Floats, Mask]:
    """Whole seconds since 1970, UTC, NaN where there is no text; where the text is no time."""
    values, rest = _numbers(text)
    if rest.any():
        dates = pd.to_datetime(text[rest], format="ISO8601", utc=True, errors="coerce")
        since = (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
        values[rest] = since.to_numpy(dtype=np.float64)
    milliseconds = np.abs(values) > LATEST_SECOND
    return np.floor(values), (milliseconds | ~np.isfinite(values)) & (text != "").to_numpy()


def _read_items(dataset: Dataset, files: Mapping[str, Path], columns: Columns) -> Table:
    names = {"item": columns.item_key, "title": columns.title, "category": columns.category}
    wanted = {name: column for name, column in names.items() if column is not None}
    table = read_table(source_of(dataset, files, "items"), wanted, columns.list_separator)
    table.reject((table.frame["item"] == "").to_numpy(), "no item id")
    twice = table.frame["item"].duplicated().to_numpy()
    if twice.any():
        row = int(np.argmax(twice))
        item = shown(table.frame["item"].iloc[row])
        raise InputError(
            f"{table.tally.source}:{table.numbers[row]}: item {item} "
            "has a row already; keep one row an item"
        )
    return table


def _items(described: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """One row an item, with the first title and category it has; class out of the category."""
    fields = [name for name in ("title", "category") if name in described]
    first = described[["item", *fields]].replace("", None).groupby("item", sort=False).first()
    items = pd.DataFrame({"item": first.index.astype("str")})
    items["title"] = first["title"].fillna("").to_numpy() if "title" in first else ""
    if "category" in first:
        names = (str(text).split(columns.list_separator) for text in first["category"].fillna(""))
        items["categories"] = [[name.strip() for name in row if name.strip()] for row in names]
        items["class"] = [class_of(row) for row in items["categories"]]
    return items
