"""The journal of a study on a file system that several workers see: its lock, and its last line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from optuna.storages.journal import JournalFileOpenLock

from llmseqrec.errors import FileError


class KernelLock(JournalFileOpenLock):
    """A lock of the journal that the kernel frees when its process dies.

    Optuna's own are files that a killed process leaves behind. This one can be taken again by
    whoever has it, so that the study can hold it around several writes.
    """

    def __init__(self, path: str) -> None:
        self._kernel = FileLock(path)

    def acquire(self) -> bool:
        """Wait for the lock."""
        self._kernel.acquire()
        return True

    def release(self) -> None:
        """Give it back."""
        self._kernel.release()


def mend_journal(path: Path) -> None:
    """Cut off a last line that a dead process left half-written; under the study's lock.

    Whoever has the lock may find one: what is appended to half a line makes the journal unreadable
    for all.
    """
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        if stream.read() != b"\n":
            stream.seek(0)
            stream.truncate(stream.read().rfind(b"\n") + 1)


@contextmanager
def told_if_damaged(path: Path) -> Iterator[None]:
    """Turn what Optuna answers to a journal it cannot read into a line that names it.

    Raises:
        FileError: a line is none of a journal.
    """
    try:
        yield
    except (ValueError, LookupError, TypeError, AssertionError) as error:
        raise FileError(f"{path}: damaged; delete it and run again, to search anew") from error
