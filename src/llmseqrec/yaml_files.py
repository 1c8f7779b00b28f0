"""YAML files, read strictly.

Refused, where YAML itself would go on: a key that stands twice (the last value would win), a key
that is no text, a value that holds itself, aliases that unfold without end, tags of Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from llmseqrec.errors import InputError, shown

MOST_BYTES = 8 << 20
MOST_VALUES = 200_000  # aliases count each time, as they are read
DEEPEST = 40
# What constructors raise for `2024-99-99`, `!!bool perhaps`, `!!int ""`, `!!timestamp x`.
_REFUSED = (ValueError, KeyError, IndexError, AttributeError, TypeError, OverflowError)


def read_yaml(path: Path | str, key: str = "") -> dict[str, Any]:
    """The mapping of a YAML file; an empty file is an empty one.

    Args:
        path: the file.
        key: of the configuration that names it, for the message where it is absent.

    Raises:
        InputError: the file is absent or unreadable, is no YAML, holds something else than a
            mapping, or what this module refuses; naming line or key.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file{f' ({key})' if key else ''}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    if len(content) > MOST_BYTES:
        raise InputError(f"{path}: more than {MOST_BYTES >> 20} MiB, too large for such a file")
    try:
        return parse_yaml(content.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: cannot be read: line {line} is not UTF-8") from None


def parse_yaml(text: str, source: str) -> dict[str, Any]:
    """The mapping of a YAML text.

    Args:
        text: the text.
        source: what messages call it.

    Raises:
        InputError: see `read_yaml`.
    """
    try:
        content = yaml.load(text, Loader=_Strict)  # a SafeLoader
    except yaml.YAMLError as error:
        raise InputError(f"{source}: not valid YAML, {_problem(error)}") from None
    except RecursionError:
        raise InputError(f"{source}: not valid YAML: nested too deeply") from None
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise InputError(f"{source}: must hold a mapping, `key: value`, and not {shown(content)}")
    check_tree(content, source)
    return content


def check_tree(content: Any, source: str) -> None:
    """Refuse what is no finite tree of mappings by text, lists and plain values.

    Raises:
        InputError: naming the key.
    """
    left = MOST_VALUES
    pending: list[tuple[Any, tuple[str, ...], tuple[int, ...]]] = [(content, (), ())]
    while pending:
        value, path, above = pending.pop()
        left -= 1
        if left < 0:
            raise _refused(source, path, f"more than {MOST_VALUES:,} values, with those of aliases")
        if not isinstance(value, Mapping | list):
            _check_plain(value, source, path)
            continue
        if id(value) in above:
            raise _refused(source, path, "holds itself, by an alias (*name)")
        if len(above) > DEEPEST:
            raise _refused(source, path, f"nested deeper than {DEEPEST} levels")
        inside = (*above, id(value))
        pending += [(each, (*path, key), inside) for key, each in _pairs(value, source, path)]


def _pairs(value: Any, source: str, path: tuple[str, ...]) -> list[tuple[str, Any]]:
    if isinstance(value, list):
        return [(str(number), each) for number, each in enumerate(value)]
    for key in value:
        if not isinstance(key, str):
            raise _refused(source, path, f"the key {shown(key)} is no text; put it in quotes")
    return list(value.items())


def _check_plain(value: Any, source: str, path: tuple[str, ...]) -> None:
    # What would be taken for text, or for a list in an order of its own.
    if isinstance(value, bytes | set):
        raise _refused(source, path, f"a value of type {type(value).__name__} is not taken")


def _refused(source: str, path: tuple[str, ...], reason: str) -> InputError:
    where = shown(".".join(path[:6]))[1:-1]
    return InputError(f"{source}: {where}: {reason}" if path else f"{source}: {reason}")


class _Strict(yaml.SafeLoader):
    """The safe loader, which refuses repeated keys and tells the line of any bad value."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if (key.tag, key.value) in seen:
                problem = f"the key {shown(key.value)} stands there twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add((key.tag, key.value))
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except _REFUSED as error:
            problem = f"{shown(node.value)} is no value of its kind ({error})"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error


def _problem(error: yaml.YAMLError) -> str:
    """Where and what, in one line."""
    mark = getattr(error, "problem_mark", None)
    reason = " ".join(str(getattr(error, "problem", None) or error).split())
    return f"line {mark.line + 1}: {reason}" if mark else reason
