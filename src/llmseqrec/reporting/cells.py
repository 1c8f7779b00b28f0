"""What readers see of a frame: columns, cells, footnotes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

Emphasis = Literal["", "best", "second"]


@dataclass(frozen=True)
class Column:
    """How a column of a frame is shown to readers.

    Attributes:
        name: column of the frame.
        header: what stands above it.
        decimals: digits after the point; None for text.
        percent: shown as a signed percentage.
        ranked: the highest value is set bold, the next one underlined.
        spread: column shown as "± value" behind it.
        interval: columns of a lower and an upper bound shown in brackets behind it.
    """

    name: str
    header: str
    decimals: int | None = None
    percent: bool = False
    ranked: bool = False
    spread: str | None = None
    interval: tuple[str, str] | None = None

    @property
    def numeric(self) -> bool:
        """Whether it is set flush right and sorted by value."""
        return self.decimals is not None


@dataclass(frozen=True)
class Cell:
    """A value ready to be shown.

    Attributes:
        text: the value itself.
        detail: spread and interval, never emphasised.
        emphasis: whether it is among the best of its column.
        value: what a reader's sort goes by; None for text.
    """

    text: str
    detail: str = ""
    emphasis: Emphasis = ""
    value: float | None = None

    def marked(self, marks: Mapping[Emphasis, str], escape: Callable[[str], str]) -> str:
        """The text in the mark of its emphasis, then the detail."""
        text = marks[self.emphasis].format(escape(self.text)) if self.text else ""
        return f"{text} {escape(self.detail)}".strip()


@dataclass(frozen=True)
class Layout:
    """What readers get to see of a frame.

    Attributes:
        title: a few words; the heading of the page.
        caption: what the numbers were measured on, and how to read them.
        columns: those shown, in order. The csv file holds all columns of the frame.
        note: column with a remark on each row: the last column in Markdown, footnotes in LaTeX, a
            second line below the row's name on the page.
        together: how many numeric columns in a row belong to one another; LaTeX does not part
            them, and names a row by all text columns at the beginning where there are several.
        remarks: sentences on the whole, below the caption in Markdown and on the page.
    """

    title: str
    caption: str
    columns: Sequence[Column]
    note: str | None = None
    together: int = 1
    remarks: Sequence[str] = ()


def present(frame: pd.DataFrame, columns: Sequence[Column]) -> list[list[Cell]]:
    """The rows of a frame as cells; columns the frame lacks are empty."""
    by_column = [_cells(frame, column) for column in columns]
    return [list(row) for row in zip(*by_column, strict=True)]


def footnotes(notes: Iterable[str]) -> tuple[list[int | None], dict[int, str]]:
    """Numbers the distinct notes, in order of appearance.

    Returns:
        The number of each row's note, None where it has none; and the notes by number.
    """
    rows = list(notes)
    numbers = {note: n for n, note in enumerate(dict.fromkeys(filter(None, rows)), start=1)}
    return [numbers.get(note) for note in rows], {n: note for note, n in numbers.items()}


def _cells(frame: pd.DataFrame, column: Column) -> list[Cell]:
    if column.name not in frame:
        return [Cell("")] * len(frame)
    values = frame[column.name]
    if not column.numeric:
        return [Cell("" if pd.isna(value) else str(value)) for value in values]
    numbers = values.astype(float)
    texts = map(_formatter(column), numbers)
    rows = zip(texts, _details(frame, column), _emphasis(numbers, column), numbers, strict=True)
    return [
        Cell(text, detail, mark, None if pd.isna(value) else float(value))
        for text, detail, mark, value in rows
    ]


def _details(frame: pd.DataFrame, column: Column) -> list[str]:
    """Spread and interval of each row as one text."""
    show = _formatter(column)
    nothing = [""] * len(frame)
    spreads, lows, highs = (
        [show(value) for value in frame[name]] if name in frame else nothing
        for name in (column.spread, *(column.interval or (None, None)))
    )
    spreads = [f"± {spread}" if spread else "" for spread in spreads]
    bounds = [f"[{low}, {high}]" if low else "" for low, high in zip(lows, highs, strict=True)]
    return [" ".join(filter(None, pair)) for pair in zip(spreads, bounds, strict=True)]


def _formatter(column: Column) -> Callable[[float], str]:
    def show(value: float) -> str:
        if pd.isna(value):
            return ""
        if column.percent:
            return f"{100 * value:+.{column.decimals}f} %"
        return f"{value:,.{column.decimals}f}"

    return show


def _emphasis(numbers: pd.Series, column: Column) -> list[Emphasis]:
    """Marks of the highest and the second highest value, judged as printed."""
    printed = numbers.round(column.decimals or 0)
    ranks = printed.rank(method="dense", ascending=False)
    if not column.ranked or printed.nunique() < 2:
        return [""] * len(numbers)
    names: dict[float, Emphasis] = {1.0: "best", 2.0: "second"}
    return [names.get(rank, "") for rank in ranks]
