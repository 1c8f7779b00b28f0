r"""Chosen fields of Python-literal dict lines, such as ``{u'username': u'Ann', 'hours': 1.5}``.

`ast.literal_eval` builds a syntax tree of every line, which takes tens of microseconds. Here
regular expressions walk whole blocks of lines in C, and only the fields asked for are kept: one for
lines with the keys in the order the first lines have, one for other orders. Both accept a subset of
the lines Python accepts, and nothing else; every other line goes to `ast.literal_eval`, so values
and rejected lines are always Python's own. Outside the subset, for instance: bytes and raw strings,
strings written in pieces, ``\N{...}``, exponents, tuples, keys in double quotes, and nesting deeper
than three levels.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_QUOTES = frozenset([b"'", b'"'])
_LEARN = 200  # lines the order of the keys is learnt from
_MOST_KEYS = 50  # a pattern of more is slow to build; lines with others take the general one
_REJECTED = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError)
_NUMBER = r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?"
# Escapes that Python accepts without a warning, less a few that are left to it: octal numbers from
# \400, \N{...} and characters from \U00100000.
_ESCAPE = r"\\(?:['\"\\abfnrtv0-3]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U000[0-9a-fA-F]{5})"
# What a string holds besides escapes: all bytes but its quote, the backslash, \0, \n and \r. They
# are spelled out because `re` is half as fast with a complement.
_PLAIN = {
    "'": r"[\x01-\x09\x0b\x0c\x0e-\x26\x28-\x5b\x5d-\xff]*+",
    '"': r"[\x01-\x09\x0b\x0c\x0e-\x21\x23-\x5b\x5d-\xff]*+",
}
_KEY = _PLAIN["'"]


@dataclass(frozen=True)
class LiteralBlock:
    """Fields of a run of lines.

    Attributes:
        columns: by key, the UTF-8 source of its value in each row, b"" where it is absent.
            `decode` turns a source into its value.
        lines: for each row, the offset of its line in the block.
        malformed: offset of each line that is no Python dict, and why.
        n_lines: lines in the block.
    """

    columns: dict[str, tuple[bytes, ...]]
    lines: Sequence[int]
    malformed: list[tuple[int, str]]
    n_lines: int


class LiteralFields:
    """Reads some fields of Python-literal dict lines.

    Args:
        keys: names of the fields, identifiers.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = tuple(keys)
        self._general = re.compile(_general_pattern(self.keys).encode())
        self._usual: re.Pattern[bytes] | None = None

    def read(self, block: bytes) -> LiteralBlock:
        """Fields of every line, as `ast.literal_eval` has them; blank lines are skipped.

        Args:
            block: UTF-8 text, each line ending in a line feed, or in a carriage return and one.
        """
        if self._usual is None:
            self._usual = re.compile(_usual_pattern(self.keys, _key_order(block)).encode())
        if _is_utf8(block):
            rows = self._usual.findall(block)
        else:
            blanks = [b""] * len(self.keys)
            rows = [(*blanks, line + b"\n") for line in block.removesuffix(b"\n").split(b"\n")]
        *columns, others = zip(*rows, strict=True)
        if any(others):
            return self._with_others(rows)
        return LiteralBlock(self._named(columns), range(len(rows)), [], len(rows))

    def _with_others(self, rows: list[tuple[bytes, ...]]) -> LiteralBlock:
        """The block of rows of which some hold, last, a line that is still to be read."""
        kept: list[Sequence[bytes]] = []
        lines, malformed = [], []
        for offset, (*sources, other) in enumerate(rows):
            if other.isspace():
                continue
            try:
                kept.append(self._read_other(other) if other else sources)
                lines.append(offset)
            except _REJECTED as error:
                malformed.append((offset, _reason(error)))
        columns = list(zip(*kept, strict=True)) or [()] * len(self.keys)
        return LiteralBlock(self._named(columns), lines, malformed, len(rows))

    def _read_other(self, line: bytes) -> list[bytes]:
        """Sources of one line, by the general pattern or else by Python's own parser."""
        match = self._general.fullmatch(line) if _is_utf8(line) else None
        found = match.groupdict(b"") if match else _parse(line.decode())
        return [found.get(key, b"") for key in self._names()]

    def _names(self) -> list[str]:
        """The keys in the order of the groups of the usual pattern."""
        return list(self._usual.groupindex) if self._usual else []

    def _named(self, columns: Sequence[tuple[bytes, ...]]) -> dict[str, tuple[bytes, ...]]:
        by_name = dict(zip(self._names(), columns, strict=True))
        return {key: by_name[key] for key in self.keys}


def decode(source: bytes) -> Any:
    """The value of a source; None, as for the source `None`, where it is empty."""
    quoted = source[1:] if source[:1] == b"u" else source
    if quoted[:1] in _QUOTES and b"\\" not in quoted:
        return quoted[1:-1].decode()
    return _evaluate(source.decode() or "None")


def _evaluate(source: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an unknown escape such as "\d" only warns
        return ast.literal_eval(source)


def _parse(line: str) -> dict[Any, bytes]:
    """Sources of all fields of a line.

    Raises:
        one of _REJECTED: the line is no Python dict.
    """
    values = _evaluate(line)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(line.lstrip(" \t"), mode="eval").body
    if not isinstance(tree, ast.Dict):
        raise ValueError("not a dict")
    pairs = [
        (ast.literal_eval(key), node)
        for key, node in zip(tree.keys, tree.values, strict=True)
        if key
    ]
    return {key: _source(values[key], node) for key, node in pairs}


def _source(value: object, node: ast.expr) -> bytes:
    """One string without pieces or triple quotes, which `decode` could mistake; else as written."""
    return (ascii(value) if isinstance(value, str) else ast.unparse(node)).encode()


def _is_utf8(block: bytes) -> bool:
    try:
        return block.isascii() or bool(block.decode())
    except UnicodeDecodeError:
        return False


def _key_order(block: bytes) -> list[str]:
    """Keys of the first lines, at most _MOST_KEYS, in an order that suits most of the lines."""
    order: list[str] = []
    for line in block.split(b"\n", _LEARN)[:_LEARN]:
        place = 0
        for key in _keys(line):
            if key not in order:
                order.insert(place, key)
            place = order.index(key) + 1
    return order[:_MOST_KEYS]


def _keys(line: bytes) -> list[str]:
    try:
        return [key for key in _parse(line.decode()) if re.fullmatch(r"\w+", str(key), re.ASCII)]
    except _REJECTED:
        return []


def _reason(error: BaseException) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"not a Python dict ({message.splitlines()[0] if message else type(error).__name__})"


def _usual_pattern(keys: Sequence[str], order: Sequence[str]) -> str:
    """A pattern for lines whose keys stand in the usual order, some absent, as Python prints them.

    It has a group for each of `keys`, and then one for a line of any other kind.
    """
    pairs = [
        rf"(?:u?'{key}': {f'(?P<{key}>{_VALUE})' if key in keys else _VALUE}(?:, |(?=\}}))|)"
        for key in [*order, *(key for key in keys if key not in order)]
    ]
    return rf"\{{{''.join(pairs)}\}}\r?\n|([^\n]*+\n)"


def _general_pattern(keys: Sequence[str]) -> str:
    """A pattern for a line with keys in any order, repeated keys included: the last one counts.

    At every point only one alternative can go on, so a line that fails does so in linear time.
    A comma may follow any pair; the look behind each pair sees that none is missing.
    """
    wanted = "|".join(rf"{key}': *+(?P<{key}>{_VALUE})" for key in keys)
    other = rf"(?!(?:{'|'.join(keys)})'){_KEY}': *+{_VALUE}"
    return rf"\{{(?:(?<=[{{,]) *+u?'(?:{wanted}|{other}),?)* *+\}}\r?\n"


def _string(opening: str) -> str:
    """A string, from its prefix and quote; most have no escape and take the first way to end."""
    quote = opening[-1]
    plain = _PLAIN[quote]
    return f"{opening}{plain}(?:{quote}|(?:{_ESCAPE}{plain})+{quote})"


def _nested(atom: str, element: str) -> str:
    """An atom, or a list or a dict of elements; commas as in `_general_pattern`."""
    items = rf"\[(?:(?<=[\[,]) *+{element},?)* *+\]"
    pairs = rf"\{{(?:(?<=[{{,]) *+u?'{_KEY}': *+{element},?)* *+\}}"
    return f"(?:{atom}|{items}|{pairs})"


_STRINGS = "|".join(_string(prefix + quote) for prefix in ("", "u") for quote in "'\"")
_ATOM = f"{_STRINGS}|{_NUMBER}|-{_NUMBER}|True|False|None"
_VALUE = _nested(_ATOM, _nested(_ATOM, f"(?:{_ATOM})"))
