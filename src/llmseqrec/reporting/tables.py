"""One frame as csv (unrounded), Markdown, LaTeX and a self-contained HTML page."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from llmseqrec.contracts import write_text
from llmseqrec.reporting.cells import Column, Emphasis, Layout, present
from llmseqrec.reporting.latex import to_latex
from llmseqrec.reporting.page import html_page
from llmseqrec.storage import reading


def write_tables(frame: pd.DataFrame, layout: Layout, stem: Path | str) -> list[Path]:
    """Write `{stem}.csv`, `.md`, `.tex` and `.html`.

    The csv file is unrounded: reading it gives the same floating-point numbers.

    Returns:
        The four paths.
    """
    contents = {
        ".csv": frame.to_csv(index=False),
        ".md": to_markdown(frame, layout),
        ".tex": to_latex(frame, layout),
        ".html": to_html(frame, layout),
    }
    paths = [Path(f"{stem}{suffix}") for suffix in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        write_text(content, path)
    return paths


def read_table_csv(path: Path | str, texts: Iterable[str] = ()) -> pd.DataFrame:
    """Read a csv file of `write_tables`: only what is empty is a gap, `NA` and `none` are texts.

    Args:
        path: of the file.
        texts: columns of texts, be they `2024`.

    Raises:
        FileError: it is damaged.
    """
    kinds = dict.fromkeys(texts, "str")
    with reading(path):
        content = Path(path).read_bytes()
        if not content.endswith(b"\n"):
            raise ValueError("no end")
        frame: pd.DataFrame = pd.read_csv(
            io.BytesIO(content), dtype=kinds, keep_default_na=False, na_values=[""]
        )
        return frame


def to_markdown(frame: pd.DataFrame, layout: Layout) -> str:
    """A GitHub table: best in bold, runner-up underlined."""
    columns = [*layout.columns, *([Column(layout.note, "Note")] if layout.note else [])]
    marks: dict[Emphasis, str] = {"": "{}", "best": "**{}**", "second": "<u>{}</u>"}
    header = [_escape_markdown(column.header) for column in columns]
    rule = ["---:" if column.numeric else ":---" for column in columns]
    rows = [
        [cell.marked(marks, _escape_markdown) for cell in row] for row in present(frame, columns)
    ]
    lines = ["| " + " | ".join(row) + " |" for row in [header, rule, *rows]]
    heading = f"# {_escape_markdown(layout.title)}\n\n{_escape_markdown(layout.caption)}\n\n"
    heading += "".join(f"- {_escape_markdown(remark)}\n" for remark in layout.remarks)
    heading += "\n" if layout.remarks else ""
    return heading + "\n".join(lines) + "\n"


def to_html(frame: pd.DataFrame, layout: Layout) -> str:
    """A page of its own, sortable by a click on a header."""
    headers = [(column.header, column.numeric) for column in layout.columns]
    notes = frame[layout.note] if layout.note else [""] * len(frame)
    rows = [
        (note, [(cell.text, cell.detail, cell.emphasis, cell.value) for cell in row])
        for note, row in zip(notes, present(frame, layout.columns), strict=True)
    ]
    return html_page(layout.title, layout.caption, headers, rows, layout.remarks)


def _escape_markdown(text: str) -> str:
    text = re.sub(r"([\\`*|])", r"\\\1", text).replace("<", "&lt;")
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)
