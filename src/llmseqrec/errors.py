"""The one exception users see, and how its messages show what users gave."""

from __future__ import annotations

import reprlib

_MOST = 80  # characters
_REPR = reprlib.Repr()
_REPR.maxlevel = 1


class InputError(Exception):
    """A problem in what the user gave, told in one line."""


class FileError(InputError):
    """A file that cannot be read or written: a fault of the machine, so no values are to blame."""


def shown(value: object) -> str:
    """A value as messages show it: short, in one line, without control characters."""
    if not isinstance(value, str):
        return _REPR.repr(value)
    text = repr(value[: _MOST + 1])
    return text if len(text) <= _MOST + 2 else f"{text[:_MOST]}..."
