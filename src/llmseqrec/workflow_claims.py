"""Which workflow makes which files: of two that would make the same, one is refused.

Snakemake's own locks are marker files. They outlive a SIGKILL and stop the next call; two workflows
that look for them at one moment both find none; and whoever ends removes everybody's, also under
one that is about to write its own and then ends in a traceback. So the profiles turn them off
(`nolock`), and each workflow claims its files here, by a kernel lock that ends with its process.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from llmseqrec.errors import InputError
from llmseqrec.storage import make_folder, writing

_TAKEN = "another workflow makes the same files in this folder; run again when it has ended"
_UNKNOWN = "no file locks here: see to it that no two workflows run in this folder at once"
_ALL = {"outputs": ["*"], "inputs": ["*"]}  # of one that cannot be read: it may be anything


class Claims:
    """The claims of a folder's workflows, as they are when this one begins to plan.

    Args:
        folder: Snakemake's working folder, `.snakemake`.

    Attributes:
        held: an open file; while it stays open what was claimed is this workflow's.

    Raises:
        FileError: it may not be written.
    """

    held: IO[str] | None = None

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "claims"
        make_folder(self._folder)
        with self._turn():
            held = {path: _is_held(path) for path in self._known()}
            self._over = [path for path, alive in held.items() if not alive]
            self._others = [_read(path) for path, alive in held.items() if alive]

    def claim(self, outputs: Iterable[str], inputs: Iterable[str]) -> None:
        """Claim files before the first job begins; where files cannot be locked, say so.

        Args:
            outputs: what this workflow makes.
            inputs: what it reads.

        Raises:
            InputError: a workflow that was not over when this one began to plan makes what this one
                makes or reads, or reads what this one makes.
            FileError: the folder may not be written.
        """
        mine = {"outputs": sorted(set(outputs)), "inputs": sorted(set(inputs))}
        with self._turn() as locked:
            if not locked:
                sys.stderr.write(f"{_UNKNOWN}\n")
                return
            for path in self._over:
                path.unlink(missing_ok=True)
            others = self._others + [_read(path) for path in self._known()]
            if any(_meet(mine, other) for other in others):
                raise InputError(_TAKEN)
            path = self._folder / f"{uuid.uuid4().hex}.json"
            with writing(path):
                self.held = path.open("w", encoding="utf-8")
                fcntl.flock(self.held, fcntl.LOCK_EX)
                json.dump(mine, self.held)
                self.held.flush()
                os.fsync(self.held.fileno())  # or other nodes would find it empty

    def _known(self) -> list[Path]:
        return sorted(self._folder.glob("*.json"))

    @contextmanager
    def _turn(self) -> Iterator[bool]:
        """One process at a time; false where files cannot be locked."""
        with writing(self._folder):
            stream = (self._folder / "turn").open("a", encoding="utf-8")
        with stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX)
            except OSError:
                yield False
            else:
                yield True


def _is_held(path: Path) -> bool:
    """Whether the workflow that made a claim is alive."""
    with writing(path), path.open("r+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _read(path: Path) -> dict[str, list[str]]:
    """A claim; one that cannot be read counts as everything."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: list(found[name]) for name in _ALL}
    except (OSError, ValueError, KeyError, TypeError):
        return _ALL


def _meet(mine: dict[str, list[str]], theirs: dict[str, list[str]]) -> bool:
    if theirs is _ALL:
        return True
    made, read = set(mine["outputs"]), set(mine["inputs"])
    return not (made.isdisjoint(theirs["outputs"] + theirs["inputs"])) or not (
        read.isdisjoint(theirs["outputs"])
    )
