"""Signs of life of the workers of a study: what Optuna's journal does not keep."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from llmseqrec.provenance import digest
from llmseqrec.services.owners import LEASE, may_live
from llmseqrec.storage import make_folder


class Leases:
    """One file a worker, touched while it lives.

    Args:
        folder: of the study, shared by the workers.
        worker: this one, as `own_name` names it.
        every: seconds between two signs of life.
    """

    def __init__(self, folder: Path, worker: str, every: float = LEASE / 10) -> None:
        self.worker, self.every = worker, every
        self.folder = folder / "leases"

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep this process's lease while the block runs."""
        make_folder(self.folder)
        path, over = self._path(self.worker), threading.Event()
        path.touch()

        def renew() -> None:
            while not over.wait(self.every):
                # A file system that is away for a while must not end the renewing.
                with suppress(OSError):
                    path.touch()

        renewing = threading.Thread(target=renew, daemon=True)
        renewing.start()
        try:
            yield
        finally:
            over.set()
            renewing.join()
            path.unlink(missing_ok=True)

    def holds(self, worker: str) -> bool:
        """Whether a worker can still be alive."""
        try:
            seen = self._path(worker).stat().st_mtime
        except FileNotFoundError:
            return False
        return may_live(worker, seen)

    def _path(self, worker: str) -> Path:
        return self.folder / digest(worker)
