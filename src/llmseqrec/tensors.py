"""Arrays in .safetensors files that tell of damage: the header carries their sha256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseqrec.arrays import digest_of
from llmseqrec.contracts import atomic_path
from llmseqrec.errors import FileError
from llmseqrec.storage import AGAIN, SOUND, reading

_KEY = "sha256"
_FACTS = "facts"  # one key of metadata only: the library writes several in an arbitrary order


def write_tensors(
    arrays: Mapping[str, NDArray[Any]], target: Path | str, facts: Mapping[str, str] | None = None
) -> None:
    """Write one .safetensors file; equal arrays and facts give equal bytes.

    Args:
        arrays: by name.
        target: the file.
        facts: texts to keep beside them.
    """
    from safetensors.numpy import save_file

    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    told = json.dumps({**(facts or {}), _KEY: _sum_of(whole, facts or {})}, sort_keys=True)
    with atomic_path(target) as temporary:
        save_file(whole, temporary, metadata={_FACTS: told})


def read_tensors(source: Path | str) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Arrays and facts of a .safetensors file; one without a checksum is taken as it is.

    Raises:
        FileError: it is damaged.
    """
    from safetensors import safe_open

    told = reading(source, SOUND.format(".safetensors"))
    with told, safe_open(source, framework="numpy") as stored:
        facts: dict[str, str] = json.loads((stored.metadata() or {}).get(_FACTS, "{}"))
        arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    if facts.pop(_KEY, None) not in (None, _sum_of(arrays, facts)):
        raise FileError(f"{source}: damaged (its checksum differs); {AGAIN}")
    return arrays, facts


def _sum_of(arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, str]) -> str:
    total = hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode())
    for name in sorted(arrays):
        total.update(f"{name} ".encode() + digest_of(arrays[name]).digest())
    return total.hexdigest()
