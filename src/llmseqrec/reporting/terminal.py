"""The leaderboard as plain text for a terminal."""

from __future__ import annotations

from textwrap import wrap

import pandas as pd

from llmseqrec.reporting.cells import Column, footnotes, present
from llmseqrec.reporting.layouts import DECIMALS, by_importance
from llmseqrec.reporting.leaderboard import NOT_RUN, PUBLISHED_ONLY, RAN
from llmseqrec.reporting.metric_names import metric_header, metrics_in

WIDTH = 100


def format_leaderboard(frame: pd.DataFrame, heading: str = "") -> str:
    """The models that ran as an aligned table, and below it what could not run and why.

    Args:
        frame: a leaderboard.
        heading: what the numbers were measured on; wrapped above the table.

    Returns:
        Lines of at most 100 characters.
    """
    ran = frame[frame["status"] == RAN]
    columns = _columns(frame)
    numbers, notes = footnotes(ran["note"])
    rows = [[f"{cell.text} {cell.detail}".strip() for cell in row] for row in present(ran, columns)]
    table = [[column.header for column in columns] + ["Note"]]
    table += [[*row, f"({n})" if n else ""] for row, n in zip(rows, numbers, strict=True)]
    lines = [*wrap(heading, WIDTH), ""] if heading else []
    lines += _aligned(table, [column.numeric for column in columns] + [False])
    for number, note in notes.items():
        lines += wrap(f"({number}) {note}", WIDTH, subsequent_indent="    ")
    return "\n".join(lines + _remainder(frame)) + "\n"


def _columns(frame: pd.DataFrame) -> list[Column]:
    """Model, NDCG and HR at both ends of the cut-offs, the interval of the headline, coverage."""
    metrics = metrics_in(frame)
    leading, _ = by_importance(metrics)
    shown = [*metrics[:2], *leading]
    shown = [*dict.fromkeys(shown), *(m for m in metrics[-6:] if m.startswith("catcov@"))]
    columns = [Column("rank", "#", 0), Column("model", "Model")]
    for metric in shown:
        low, high = f"{metric}_ci_low", f"{metric}_ci_high"
        detailed = metric == leading[0] and low in frame
        header = metric_header(metric) + (" [95 %]" if detailed else "")
        interval = (low, high) if detailed else None
        columns.append(Column(metric, header, DECIMALS[metric.split("@")[0]], interval=interval))
    return columns


def _aligned(table: list[list[str]], right: list[bool]) -> list[str]:
    """Rows of equal width; the second column gives way where they would be too wide."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    widths[1] = max(min(widths[1], WIDTH - sum(widths) + widths[1] - 2 * len(widths) + 2), 10)
    lines = [
        "  ".join(
            _cut(text, width).rjust(width) if flush else _cut(text, width).ljust(width)
            for text, width, flush in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in table
    ]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def _remainder(frame: pd.DataFrame) -> list[str]:
    """What could not run, each with its reason; how many models are only published."""
    lines = []
    for _, row in frame[frame["status"] == NOT_RUN].iterrows():
        lines += wrap(f"{row['model']}: {row['note']}", WIDTH, subsequent_indent="    ")
    published = int((frame["status"] == PUBLISHED_ONLY).sum())
    if published:
        lines.append(f"{published} published models are not in this configuration.")
    return lines
