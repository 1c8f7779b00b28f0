"""A self-contained HTML page with one sortable table."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from string import Template

# Text, detail, emphasis ("", "best", "second") and sort value of a cell.
PageCell = tuple[str, str, str, float | None]

_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #59636e;
  --line: #d5dae0; --stripe: #f5f7f9; --head: #eceff2; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaed; --paper: #15181c; --soft: #a3adb8;
    --line: #363c44; --stripe: #1b1f24; --head: #252a31; } }
body { margin: 2rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--paper); }
h1 { font-size: 1.35rem; margin: 0 0 .3rem; }
p { color: var(--soft); margin: 0 0 1.2rem; max-width: 75ch; }
ul { margin: 0 0 1.2rem; padding-left: 1.2rem; max-width: 90ch; }
.frame { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px;
  max-width: max-content; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .7rem; text-align: left; vertical-align: top; white-space: nowrap; }
thead th { background: var(--head); border-bottom: 1px solid var(--line); padding: 0; }
thead button { all: unset; box-sizing: border-box; width: 100%; cursor: pointer;
  padding: .45rem .7rem; font-weight: 600; white-space: nowrap; }
thead button:focus-visible { outline: 2px solid currentColor; outline-offset: -3px; }
thead button::after { content: " \\2195"; opacity: .35; }
th[aria-sort=ascending] button::after { content: " \\2191"; opacity: 1; }
th[aria-sort=descending] button::after { content: " \\2193"; opacity: 1; }
tbody tr:nth-child(even) { background: var(--stripe); }
small { color: var(--soft); }
.name { position: sticky; left: 0; background: inherit; }
td.name { white-space: normal; min-width: 11rem; max-width: 24rem; }
thead tr { background: var(--head); }
tbody tr { background: var(--paper); }
.number, .number button { text-align: right; }
.note { white-space: normal; max-width: 22rem; font-size: .8em; color: var(--soft); }
.best { font-weight: 700; }
.second { text-decoration: underline; text-underline-offset: .2em; }
</style>
</head>
<body>
<h1>$title</h1>
<p>$caption</p>
$remarks
<div class="frame">
<table>
<thead><tr>
$head
</tr></thead>
<tbody>
$body
</tbody>
</table>
</div>
<script>
const body = document.querySelector("tbody");
const heads = [...document.querySelectorAll("th")];
function compare(a, b, column, sign) {
  const [x, y] = [a, b].map(row => row.cells[column].dataset.value ?? "");
  if (x === "" || y === "") return (x === "") - (y === "");
  const difference = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
  return sign * difference;
}
heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
  const first = head.classList.contains("number") ? "descending" : "ascending";
  const other = first === "ascending" ? "descending" : "ascending";
  const order = head.getAttribute("aria-sort") === first ? other : first;
  heads.forEach(each => each.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", order);
  const sign = order === "ascending" ? 1 : -1;
  body.append(...[...body.rows].sort((a, b) => compare(a, b, column, sign)));
}));
</script>
</body>
</html>
""")


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
            Readers sort rows by value where there is one, otherwise by text; empty cells come
            last either way.
        remarks: items of a list below the caption.
    """
    kinds = ["number" if numeric else "text" for _, numeric in headers]
    name = kinds.index("text") if "text" in kinds else 0
    kinds[name] = "name"
    head = [
        f'<th scope="col" class="{kind}"><button type="button">{escape(text)}</button></th>'
        for (text, _), kind in zip(headers, kinds, strict=True)
    ]
    body = []
    for note, cells in rows:
        notes = [note if kind == "name" else "" for kind in kinds]
        body.append(f"<tr>{''.join(map(_cell, cells, kinds, notes))}</tr>")
    return _PAGE.substitute(
        title=escape(title),
        caption=escape(caption),
        remarks=f"<ul>{''.join(f'<li>{escape(each)}</li>' for each in remarks)}</ul>"
        if remarks
        else "",
        head="\n".join(head),
        body="\n".join(body),
    )


def _cell(cell: PageCell, kind: str, note: str) -> str:
    text, detail, emphasis, value = cell
    mark = f' class="{emphasis}"' if emphasis else ""
    shown = f"<span{mark}>{escape(text)}</span>" if text else ""
    shown += f" <small>{escape(detail)}</small>" if detail else ""
    shown += f'<div class="note">{escape(note)}</div>' if note else ""
    key = text if value is None else repr(value)
    return f'<td class="{kind}" data-value="{escape(key)}">{shown}</td>'
