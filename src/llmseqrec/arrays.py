"""Arrays in .npy files that tell of damage: each carries the sha256 of what it holds.

One flipped byte of an item's number is another item, which nothing else would notice. The checksum
stands behind the data, where numpy reads no more.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseqrec.contracts import atomic_path
from llmseqrec.errors import FileError
from llmseqrec.storage import AGAIN, SOUND, reading

_MARK = b"sha256\0\0"


def write_array(array: NDArray[Any], target: Path | str) -> None:
    """Write one .npy file."""
    whole = np.ascontiguousarray(array)
    with atomic_path(target) as temporary, temporary.open("wb") as stream:
        np.save(stream, whole)
        stream.write(_MARK + digest_of(whole).digest())


def read_array(source: Path | str) -> NDArray[Any]:
    """Memory-map one .npy file, no pickle; one without a checksum is taken as it is.

    Raises:
        FileError: it is damaged.
    """
    with reading(source, SOUND.format(".npy")):
        found: NDArray[Any] = np.load(source, mmap_mode="r", allow_pickle=False)
        if not isinstance(found, np.ndarray):
            raise ValueError("it holds several arrays, not one")
        with Path(source).open("rb") as stream:
            stream.seek(-min(Path(source).stat().st_size, len(_MARK) + 32), 2)
            end = stream.read()
    if end.startswith(_MARK) and end[len(_MARK) :] != digest_of(found).digest():
        raise FileError(f"{source}: damaged (its checksum differs); {AGAIN}")
    return found


def digest_of(array: NDArray[Any]) -> Any:
    """The sha256 of type, shape and values."""
    found = hashlib.sha256(f"{array.dtype.str} {array.shape} ".encode())
    found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return found
