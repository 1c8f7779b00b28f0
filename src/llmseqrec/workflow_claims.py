"""Which workflow makes which files: of two that would make the same, one is refused.

Snakemake's own locks are marker files. They outlive a SIGKILL and stop the next call; two workflows
that look for them at one moment both find none; and whoever ends removes everybody's, also under
one that is about to write its own and then ends in a traceback. So the profiles turn them off
(`nolock`), and each workflow claims its files here, by a kernel lock that ends with its process.
"""

from __future__ import annotations

import fcntl
import json
import sys
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from llmseqrec.errors import InputError
from llmseqrec.storage import writing

_TAKEN = "another workflow makes the same files in this folder; run again when it has ended"
_UNKNOWN = "no file locks here: see to it that no two workflows run in this folder at once"


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
        with writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        with self._turn():
            self._over = [path for path in self._known() if not _is_held(path)]

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
            if any(_meet(mine, _read(path)) for path in self._known()):
                raise InputError(_TAKEN)
            path = self._folder / f"{uuid.uuid4().hex}.json"
            with writing(path):
                self.held = path.open("w", encoding="utf-8")
                fcntl.flock(self.held, fcntl.LOCK_EX)
                json.dump(mine, self.held)
                self.held.flush()

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
    with path.open("r+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _read(path: Path) -> dict[str, list[str]]:
    """A claim, or nothing of one that was cut off, since its workflow had begun no job."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError:
        return {"outputs": [], "inputs": []}


def _meet(mine: dict[str, list[str]], theirs: dict[str, list[str]]) -> bool:
    made, read = set(mine["outputs"]), set(mine["inputs"])
    return not (made.isdisjoint(theirs["outputs"] + theirs["inputs"])) or not (
        read.isdisjoint(theirs["outputs"])
    )
