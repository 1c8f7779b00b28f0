"""A frame as a LaTeX table."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from llmseqrec.reporting.cells import Cell, Column, Emphasis, Layout, footnotes, present

# Numeric columns side by side; more than that go below, in a panel of their own.
PANEL = 10
# Columns that fit the text width as they are.
NARROW = 6
MARKS: dict[Emphasis, str] = {"": "{}", "best": r"\textbf{{{}}}", "second": r"\underline{{{}}}"}


def to_latex(frame: pd.DataFrame, layout: Layout) -> str:
    """A floating table that fits the text width; needs the packages booktabs and graphicx.

    Many columns are set as panels below each other, which repeat the first text column and what
    stands before it; rows that have nothing to say in a further panel are left out of it. Notes
    become footnotes.
    """
    names, panels = _panels(layout.columns, layout.together)
    numbers, notes = footnotes(frame[layout.note] if layout.note else [""] * len(frame))
    marks = ["" if number is None else rf"\textsuperscript{{{number}}}" for number in numbers]
    tabulars = [
        _tabular(frame, names, columns, marks if first else None)
        for first, columns in zip([True] + [False] * len(panels), panels, strict=False)
    ]
    lines = [
        r"% needs \usepackage{booktabs,graphicx}",
        r"\begin{table*}",
        r"\centering",
        rf"\caption{{{escape(layout.title)}. {escape(layout.caption)}}}",
        "\n\n\\medskip\n".join(tabulars),
    ]
    if notes:
        texts = [rf"\textsuperscript{{{number}}} {escape(note)}" for number, note in notes.items()]
        lines += ["", r"\medskip", r"\footnotesize\raggedright", ".\n".join(texts) + "."]
    return "\n".join([*lines, r"\end{table*}", ""])


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


def _tabular(
    frame: pd.DataFrame,
    names: Sequence[Column],
    columns: Sequence[Column],
    marks: Sequence[str] | None,
) -> str:
    """One panel; `marks` are footnote marks of the rows, None in a further panel."""
    shown = [*names, *columns]
    rows = []
    for place, cells in enumerate(present(frame, shown)):
        if marks is not None or any(cell.text for cell in cells[len(names) :]):
            texts = [_cell(cell) for cell in cells]
            texts[max(len(names) - 1, 0)] += marks[place] if marks else ""
            rows.append(" & ".join(texts) + r" \\")
    kinds = "".join("r" if column.numeric else "l" for column in shown)
    header = " & ".join(escape(column.header) for column in shown) + r" \\"
    begin = [rf"\begin{{tabular}}{{{kinds}}}", r"\toprule", header, r"\midrule"]
    tabular = "\n".join([*begin, *rows, r"\bottomrule", r"\end{tabular}"])
    return rf"\resizebox{{\textwidth}}{{!}}{{{tabular}}}" if len(shown) > NARROW else tabular


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
