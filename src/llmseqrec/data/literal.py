r"""Chosen fields of Python-literal dict lines, such as ``{u'username': u'Ann', 'hours': 1.5}``.

`ast.literal_eval` builds a syntax tree of every line, which takes tens of microseconds. Here one
regular expression walks whole blocks of lines in C, and only the fields asked for are kept. It
accepts a subset of the lines Python accepts, and nothing else; every other line goes to
`ast.literal_eval`, so values and rejected lines are always Python's own. Outside the subset, for
instance: bytes and raw strings, strings written in pieces, ``\N{...}``, exponents, tuples, keys
in double quotes, strings that end in a backslash, and nesting deeper than three levels.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NUMBER = r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?"
_REJECTED = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError)
_NOT_UTF8 = "(bytes that are not UTF-8)"
_LINE_FEED, _BACKSLASH = b"\n\\"
_HEX = np.isin(np.arange(256), list(b"0123456789abcdefABCDEF"))
_SIMPLE = np.isin(np.arange(256), list(b"'\"\\abfnrtv0123"))  # complete after a backslash
_HEX_DIGITS = {b"x": 2, b"u": 4, b"U": 8}  # how many must follow these


@dataclass(frozen=True)
class LiteralBlock:
    """Fields of a run of lines.

    Attributes:
        columns: for each key, the source text of its value in each row; "" where it is absent.
            `decode` turns such a text into its value.
        lines: for each row, the offset of its line in the block.
        malformed: offset of each line that is no Python dict, and why.
        n_lines: lines in the block.
    """

    columns: list[tuple[str, ...]]
    lines: Sequence[int]
    malformed: list[tuple[int, str]]
    n_lines: int


class LiteralFields:
    """Reads some fields of Python-literal dict lines.

    Args:
        keys: names of the fields: letters, digits and underscores.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = tuple(keys)
        self._pattern = re.compile(_line_pattern(self.keys))

    def read(self, block: bytes) -> LiteralBlock:
        """Fields of every line, as `ast.literal_eval` has them; blank lines are skipped.

        Args:
            block: UTF-8 text, each line ending in a line feed, or in a carriage return and one.
        """
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n")
        n_lines = int(np.count_nonzero(np.frombuffer(block, dtype=np.uint8) == _LINE_FEED))
        rows = self._rows(block)
        if len(rows) != n_lines:  # some line is unusual, so each is taken by itself
            rows = [self._row(line) for line in block.removesuffix(b"\n").split(b"\n")]
        *columns, others = zip(*rows, strict=True)
        if any(others):
            return self._with_others(rows)
        return LiteralBlock(columns, range(n_lines), [], n_lines)

    def _rows(self, block: bytes) -> list[tuple[str, ...]]:
        """A row a line: source texts, then the line itself if Python must judge it.

        There are fewer rows than lines if the pattern took a line feed to be part of a string, and
        no rows if the block has something that the pattern does not look at but Python does.
        """
        if b"\r" in block or b"\0" in block or not _escapes_are_valid(block):
            return []
        try:
            return self._pattern.findall(block.decode())
        except UnicodeDecodeError:
            return []

    def _row(self, line: bytes) -> tuple[str, ...]:
        rows = self._rows(line + b"\n")
        if rows:
            return rows[0]
        try:
            other = line.decode() + "\n"
        except UnicodeDecodeError:
            other = _NOT_UTF8
        return *[""] * len(self.keys), other

    def _with_others(self, rows: list[tuple[str, ...]]) -> LiteralBlock:
        """The block of rows of which some hold, last, a line that Python must judge."""
        kept: list[Sequence[str]] = []
        lines, malformed = [], []
        for offset, (*texts, other) in enumerate(rows):
            if other.isspace():
                continue
            try:
                kept.append(self._judge(other) if other else texts)
                lines.append(offset)
            except _REJECTED as error:
                malformed.append((offset, _reason(error, other)))
        columns = list(zip(*kept, strict=True)) or [()] * len(self.keys)
        return LiteralBlock(columns, lines, malformed, len(rows))

    def _judge(self, line: str) -> list[str]:
        """Source texts of the fields of one line, by way of Python's own parser."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an unknown escape such as "\d" only warns
            values = ast.literal_eval(line)
            tree = ast.parse(line.lstrip(" \t"), mode="eval").body
        if not isinstance(tree, ast.Dict):
            raise ValueError("not a dict")
        pairs = zip(tree.keys, tree.values, strict=True)
        nodes = {ast.literal_eval(key): node for key, node in pairs if key}
        return [_source(values[key], nodes[key]) if key in values else "" for key in self.keys]


def decode(text: str) -> Any:
    """The value of a source text; None, as for the text `None`, where it is empty."""
    if not text:
        return None
    quoted = text[1:] if text[0] == "u" else text
    if quoted[0] in "'\"" and "\\" not in quoted:
        return quoted[1:-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.literal_eval(text)


def _source(value: object, node: ast.expr) -> str:
    """One string without pieces or triple quotes, which `decode` could mistake; else as written."""
    return repr(value) if isinstance(value, str) else ast.unparse(node)


def _reason(error: BaseException, line: str) -> str:
    if line is _NOT_UTF8:
        return "not UTF-8"
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"not a Python dict ({message.splitlines()[0] if message else type(error).__name__})"


def _escapes_are_valid(block: bytes) -> bool:
    r"""Whether every backslash starts, or ends, an escape that Python accepts without a warning.

    ``\N{...}``, octal numbers from ``\400`` and characters from ``\U00100000`` count as invalid.
    """
    codes = np.frombuffer(block, dtype=np.uint8)
    starts = np.flatnonzero(codes == _BACKSLASH)
    kinds = codes.take(starts + 1, mode="clip")
    unclear = ~_SIMPLE[kinds]
    if not unclear.any():
        return True
    starts, kinds = starts[unclear], kinds[unclear]
    complete = _escaped(codes, starts)
    for letter, n_digits in _HEX_DIGITS.items():
        found = ~complete & (kinds == ord(letter))
        digits = codes.take(starts[found, None] + np.arange(2, 2 + n_digits), mode="clip")
        if not _HEX[digits].all() or (n_digits == 8 and (digits[:, :3] != ord("0")).any()):
            return False
        complete |= found
    return bool(complete.all())


def _escaped(codes: NDArray[np.uint8], places: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether an odd number of backslashes stands before each place."""
    odd = np.zeros(len(places), dtype=bool)
    running, before = ~odd, places
    while running.any():
        before = before - 1
        running = running & (before >= 0) & (codes.take(before, mode="clip") == _BACKSLASH)
        odd ^= running
    return odd


def _line_pattern(keys: Sequence[str]) -> str:
    """A pattern for one line: a group for each key, then one for a line outside the subset.

    At every point only one alternative can go on, so a line that fails does so in linear time.
    """
    strings = [_string(prefix + quote) for prefix in ("", "u") for quote in "'\""]
    atom = "|".join([*strings, _NUMBER, f"-{_NUMBER}", "True|False|None"])
    value = _nested(atom, _nested(atom, atom))
    wanted = "|".join(rf"{key}': *+({value})" for key in keys)
    other = rf"(?!(?:{'|'.join(keys)})')[^'\\]*+': *+(?:{value})"
    return rf"\{{(?:(?<=[{{,]) *+u?'(?:{wanted}|{other}),?)* *+\}}\n|([^\n]*+\n)"


def _string(opening: str) -> str:
    """A string from its prefix and quote to the next quote that is not escaped.

    The part between two quotes is skipped by the fastest loop `re` has. A quote behind two or more
    backslashes matches nothing here: whether it is escaped takes counting.
    """
    quote = opening[-1]
    skip = f"[^{quote}]*+"
    end = rf"(?<!\\){quote}"
    return rf"{opening}{skip}(?:{end}|(?:(?<=\\)(?<!\\\\){quote}{skip})+{end})"


def _nested(atom: str, element: str) -> str:
    """An atom, or a list or a dict of elements.

    A comma may follow any element; the look behind each element sees that none is missing.
    """
    items = rf"\[(?:(?<=[\[,]) *+(?:{element}),?)* *+\]"
    pairs = rf"\{{(?:(?<=[{{,]) *+u?'[^'\\]*+': *+(?:{element}),?)* *+\}}"
    return f"{atom}|{items}|{pairs}"
