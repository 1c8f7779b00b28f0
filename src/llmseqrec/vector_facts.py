"""Whether item vectors, the facts beside them and a catalogue still belong together."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmseqrec.contracts import read_json
from llmseqrec.errors import InputError


def texts_sha256(texts: Sequence[str]) -> str:
    """sha256 of the texts of a catalogue, in its order."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def read_facts(vectors: Path, sha256: str) -> dict[str, Any]:
    """The facts beside a file of item vectors, which must be of this very file.

    Another order of the rows has the same shape, so that the hash alone tells it.

    Args:
        vectors: the .npy file; its facts have the same name with .json.
        sha256: of that file.

    Raises:
        InputError: there are none, or they are of other vectors.
    """
    path = vectors.with_suffix(".json")
    if not path.is_file():
        raise InputError(f"{path}: no such file, so {vectors} cannot be checked; embed them again")
    facts: dict[str, Any] = read_json(path)
    if facts.get("vectors_sha256") != sha256:
        raise InputError(
            f"{vectors}: not the vectors that {path.name} tells of (vectors_sha256); delete both,"
            " so that they are made again"
        )
    return facts
