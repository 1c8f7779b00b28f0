"""Tables as HTML that readers can sort, and a self-contained page with one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import orjson

# Text, detail, emphasis ("", "best", "second") and sort value of a cell.
PageCell = tuple[str, str, str, float | None]
# Scripts and styles that are put into pages; provenance counts this folder with this file.
ASSETS = Path(__file__).with_name("page_assets")

_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
$style
</style>
</head>
<body>
<h1>$title</h1>
<p>$caption</p>
$remarks
$table
<script>
$script
</script>
</body>
</html>
""")


@dataclass(frozen=True)
class PageColumn:
    """The head of a column.

    Attributes:
        header: its text.
        numeric: set flush right, and sorted from the highest value at first.
        data: `data-` attributes of the head and of every cell below it.
    """

    header: str
    numeric: bool = False
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PageRow:
    """A row.

    Attributes:
        cells: in the order of the columns.
        note: shown below the first text of the row.
        link: where that text leads.
        data: `data-` attributes of the row.
    """

    cells: Sequence[PageCell]
    note: str = ""
    link: str = ""
    data: Mapping[str, str] = field(default_factory=dict)


@cache
def asset(name: str, folder: Path = ASSETS) -> str:
    """The text of a script or style."""
    return (folder / name).read_text(encoding="utf-8").rstrip("\n")


def html_page(
    title: str,
    caption: str,
    headers: Sequence[tuple[str, bool]],
    rows: Sequence[tuple[str, Sequence[PageCell]]],
    remarks: Sequence[str] = (),
) -> str:
    """A page that needs no other file, in light or dark as the reader's system asks.

    Args:
        title: heading of the page.
        caption: the paragraph below it.
        headers: text of each column, and whether it holds numbers.
        rows: a note, shown below the first text of the row, and cells in the order of the headers.
        remarks: items of a list below the caption.
    """
    columns = [PageColumn(text, numeric) for text, numeric in headers]
    table = html_table(columns, [PageRow(cells, note) for note, cells in rows])
    return _PAGE.substitute(
        title=escape(title),
        caption=escape(caption),
        remarks=html_list(remarks),
        table=table,
        style=asset("base.css"),
        script=asset("sorting.js"),
    )


def html_table(columns: Sequence[PageColumn], rows: Sequence[PageRow]) -> str:
    """A table that `sorting.js` sorts and that can be read without it.

    Readers sort rows by value where there is one, otherwise by text; empty cells come last either
    way. The first column of texts names the rows.
    """
    kinds = ["number" if column.numeric else "text" for column in columns]
    name = kinds.index("text") if "text" in kinds else 0
    kinds[name] = "name"
    marks = [_data(column.data) for column in columns]
    head = [
        f'<th scope="col" class="{kind}"{mark}><button type="button">{escape(column.header)}'
        "</button></th>"
        for column, kind, mark in zip(columns, kinds, marks, strict=True)
    ]
    lines = ["<tr>", *head, "</tr></thead>", "<tbody>"]
    lines += [_row(row, kinds, marks) for row in rows]
    table = ['<div class="frame">', '<table class="sortable">', "<thead>" + lines[0], *lines[1:]]
    return "\n".join([*table, "</tbody>", "</table>", "</div>"])


def html_list(texts: Sequence[str]) -> str:
    """A list of texts; nothing where there are none."""
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def in_script(content: Any) -> str:
    """JSON that can stand inside a script element, whatever its texts hold."""
    return orjson.dumps(content).decode().replace("<", "\\u003c")


def _row(row: PageRow, kinds: Sequence[str], marks: Sequence[str]) -> str:
    cells = []
    for cell, kind, mark in zip(row.cells, kinds, marks, strict=True):
        extra = (row.note, row.link) if kind == "name" else ("", "")
        cells.append(_cell(cell, kind, mark, extra))
    return f"<tr{_data(row.data)}>{''.join(cells)}</tr>"


def _cell(cell: PageCell, kind: str, mark: str, extra: tuple[str, str]) -> str:
    (text, detail, emphasis, value), (note, link) = cell, extra
    style = f' class="{emphasis}"' if emphasis else ""
    shown = f"<span{style}>{escape(text)}</span>" if text else ""
    shown = f'<a href="{escape(link)}">{shown}</a>' if link else shown
    shown += f" <small>{escape(detail)}</small>" if detail else ""
    shown += f'<div class="note">{escape(note)}</div>' if note else ""
    key = text if value is None else repr(value)
    return f'<td class="{kind}"{mark} data-value="{escape(key)}">{shown}</td>'


def _data(values: Mapping[str, str]) -> str:
    return "".join(f' data-{name}="{escape(value)}"' for name, value in values.items())
