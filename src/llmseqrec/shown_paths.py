"""Paths in texts that leave this machine with a table or report."""

from __future__ import annotations

import re
from typing import Any

# The folders of an absolute path: from a slash that begins a word to the last one. Names may hold
# single spaces; rather a word too much is lost than a folder told.
_FOLDERS = re.compile(r"""(?<![^\s'"(=])/(?:[^/\s;,]+(?: [^/\s;,]+)*/)*(?=[^/\s])""")


def without_folders(found: Any) -> Any:
    """The same with the names alone of absolute paths in its texts: `no file /a/b.csv`: `b.csv`.

    Args:
        found: a text, or what JSON can hold of them.
    """
    if isinstance(found, str):
        return _FOLDERS.sub("", found)
    if isinstance(found, dict):
        return {key: without_folders(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [without_folders(value) for value in found]
    return found
