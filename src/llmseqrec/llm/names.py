"""Names of items as prompts hold them, and items by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Duplicates = Literal["first", "last"]

# A name fills one line of a prompt or an answer. The marks that stand in for line breaks are made
# ambiguous by nothing but themselves, so only titles that hold a break or a mark are changed.
_ESCAPE = "␛"
_MARKS = {"\n": "␤", "\r": "␍"}
_TO_LINE = str.maketrans(_MARKS | {mark: _ESCAPE + mark for mark in (*_MARKS.values(), _ESCAPE)})
_FROM_LINE = {mark: character for character, mark in _MARKS.items()}
_MARKED = re.compile(f"{_ESCAPE}(.)|[{''.join(_FROM_LINE)}]", re.DOTALL)


def to_line(name: str) -> str:
    """The name without line breaks; `from_line` gives it back."""
    return name.translate(_TO_LINE)


def from_line(line: str) -> str:
    """The name that a line stands for; of any line, also of one that `to_line` never writes."""
    return _MARKED.sub(lambda found: found[1] or _FROM_LINE[found[0]], line)


class Names:
    """The titles of a catalogue, without surrounding white space.

    An item without a title has the empty name, which `find` never finds. Where items share a name,
    it stands for the one with the lowest id, or for the one with the highest id (`last`), which is
    the rule of the study's code: there the last row of the catalogue wins.
    """

    def __init__(self, titles: Iterable[str], duplicates: Duplicates = "first") -> None:
        self._names = [title.strip() for title in titles]
        self.duplicates = duplicates
        rows = list(enumerate(self._names))
        # Later pairs replace earlier ones.
        rows = rows if duplicates == "last" else rows[::-1]
        self._items = {name: item for item, name in rows if name}

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, item: int) -> str:
        return self._names[item]

    @property
    def named(self) -> NDArray[np.bool_]:
        """(n_items,) which items have a name."""
        return np.array([bool(name) for name in self._names], dtype=bool)

    def find(self, name: str) -> int | None:
        """The item of exactly this name."""
        return self._items.get(name)

    def of(self, items: Sequence[int]) -> list[str]:
        """Names of some items."""
        return [self._names[item] for item in items]
