"""Lists as numbered lines: written, and read from whatever a model made of them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from llmseqrec.llm.names import from_line, to_line

_NUMBERED = re.compile(r"\s*[0-9]+[.)]\s+(.*)")


def numbered_lines(names: Iterable[str]) -> str:
    """One line a name, `1. NAME`, each with a line break."""
    lines = (f"{number}. {to_line(name)}\n" for number, name in enumerate(names, start=1))
    return "".join(lines)


def read_numbered(text: str, keep_last: bool) -> list[str]:
    """Names of the numbered lines; other lines are passed over.

    Args:
        text: any text.
        keep_last: whether a last line without a line break counts; it may have been cut off.
    """
    lines = text.split("\n")
    found = (_NUMBERED.match(line) for line in (lines if keep_last else lines[:-1]))
    return clean_names(match[1] for match in found if match)


def clean_names(lines: Iterable[str]) -> list[str]:
    """Names that lines stand for, without empty ones."""
    names = (from_line(line).strip() for line in lines)
    return [name for name in names if name]
