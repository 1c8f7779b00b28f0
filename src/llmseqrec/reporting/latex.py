"""A frame as a LaTeX table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from llmseqrec.reporting.cells import Cell, Column, Emphasis, Layout, footnotes, present

# Numeric columns side by side; more than that go below, in a panel of their own.
PANEL = 10
# Columns that fit the text width as they are.
NARROW = 6
# Rows of a page under the longest caption, of all panels: as they are, and where the width shrinks.
ROWS, SHRUNK_ROWS = 35, 60
MARKS: dict[Emphasis, str] = {"": "{}", "best": r"\textbf{{{}}}", "second": r"\underline{{{}}}"}


def to_latex(frame: pd.DataFrame, layout: Layout) -> str:
    """Floating tables of about a page; they need the packages booktabs and graphicx.

    Many columns are set as panels below each other, which repeat the first text column and what
    stands before it; rows that have nothing to say in a further panel are left out of it. Many
    rows are set as several tables of one number. Notes become footnotes, whose lines are not
    counted: beside many long ones a table may be too long.
    """
    names, panels = _panels(layout.columns, layout.together)
    shown = [[*names, *columns] for columns in panels]
    numbers, notes = footnotes(frame[layout.note] if layout.note else [""] * len(frame))
    marks = ["" if number is None else rf"\textsuperscript{{{number}}}" for number in numbers]
    first, *further = (present(frame, columns) for columns in shown)
    bodies = [_rows(first, len(names), marks), *(_rows(each, len(names)) for each in further)]
    heights = [sum(map(bool, lines)) for lines in zip(*bodies, strict=True)]
    narrow = all(len(columns) <= NARROW for columns in shown)
    tables: list[str] = []
    for page in _pages(heights, ROWS if narrow else SHRUNK_ROWS):
        rows = [[body[place] for place in page if body[place]] for body in bodies]
        used = {n: notes[n] for place in page if (n := numbers[place])}
        tables.append(_table(layout, shown, rows, used, continued=bool(tables)))
    return "\n".join([r"% needs \usepackage{booktabs,graphicx}", *tables])


def escape(text: str) -> str:
    """Text with LaTeX's special characters made harmless."""
    return "".join(_ESCAPES.get(sign, sign) for sign in text)


def _panels(
    columns: Sequence[Column], together: int
) -> tuple[Sequence[Column], list[Sequence[Column]]]:
    """The columns that name a row, and the others cut into panels of nearly equal size."""
    texts = [place for place, column in enumerate(columns) if not column.numeric]
    split = texts[0] + 1 if texts else 0
    while together > 1 and split < len(columns) and not columns[split].numeric:
        split += 1
    rest = columns[split:]
    groups = -(-len(rest) // together)
    count = max(-(-groups // (PANEL // together)), 1)
    size = -(-groups // count) * together
    return columns[:split], [rest[size * n : size * (n + 1)] for n in range(count)]


def _pages(heights: Sequence[int], most: int) -> list[list[int]]:
    """Places of the rows that stand on each page, which is nearly as full as any other.

    Args:
        heights: lines of each row, in all panels.
        most: lines of a page.
    """
    total, above = sum(heights), 0
    pages: list[list[int]] = [[] for _ in range(max(-(-total // most), 1))]
    for place, height in enumerate(heights):
        pages[above * len(pages) // total].append(place)
        above += height
    return pages


def _table(
    layout: Layout,
    panels: Sequence[Sequence[Column]],
    rows: Sequence[Sequence[str]],
    notes: Mapping[int, str],
    *,
    continued: bool,
) -> str:
    """One page: its rows by panel, and the notes that they refer to."""
    first, *further = zip(panels, rows, strict=True)
    tabulars = [_tabular(*panel) for panel in [first, *(panel for panel in further if panel[1])]]
    caption = rf"\caption{{{escape(layout.title)}. {escape(layout.caption)}}}"
    if continued:  # under the number of the first page
        caption = rf"\addtocounter{{table}}{{-1}}\caption{{{escape(layout.title)}, continued.}}"
    lines = [r"\begin{table*}", r"\centering", caption, "\n\n\\medskip\n".join(tabulars)]
    if notes:
        texts = [rf"\textsuperscript{{{n}}} {escape(note)}" for n, note in sorted(notes.items())]
        lines += ["", r"\medskip", r"\footnotesize\raggedright", ".\n".join(texts) + "."]
    return "\n".join([*lines, r"\end{table*}", ""])


def _rows(
    rows: Sequence[Sequence[Cell]], naming: int, marks: Sequence[str] | None = None
) -> list[str]:
    """Lines of a panel, "" for rows that have nothing to say in it.

    Args:
        rows: cells of all rows.
        naming: how many cells name a row; the last of them takes its footnote mark.
        marks: footnote marks of the rows; None in a further panel.
    """
    lines = []
    for place, cells in enumerate(rows):
        texts = [_cell(cell) for cell in cells]
        texts[max(naming - 1, 0)] += marks[place] if marks else ""
        empty = marks is None and not any(cell.text for cell in cells[naming:])
        lines.append("" if empty else " & ".join(texts) + r" \\")
    return lines


def _tabular(columns: Sequence[Column], rows: Sequence[str]) -> str:
    kinds = "".join("r" if column.numeric else "l" for column in columns)
    header = " & ".join(escape(column.header) for column in columns) + r" \\"
    begin = [rf"\begin{{tabular}}{{{kinds}}}", r"\toprule", header, r"\midrule"]
    tabular = "\n".join([*begin, *rows, r"\bottomrule", r"\end{tabular}"])
    return rf"\resizebox{{\textwidth}}{{!}}{{{tabular}}}" if len(columns) > NARROW else tabular


def _cell(cell: Cell) -> str:
    text = MARKS[cell.emphasis].format(escape(cell.text)) if cell.text else ""
    detail = rf" {{\small {escape(cell.detail)}}}" if cell.detail else ""
    return text + detail


_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "−": r"$-$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "–": "--",
    "…": r"\dots{}",
} | {sign: "\\" + sign for sign in "&%_#${}"}
