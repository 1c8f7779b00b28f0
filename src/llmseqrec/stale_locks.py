"""Locks that a killed workflow left behind.

Snakemake locks its files by marker files, which outlive a SIGKILL and stop the next call. A kernel
lock on a file ends with the process that holds it, so it tells whether the markers are stale.
"""

from __future__ import annotations

import fcntl
import sys
from pathlib import Path
from typing import IO

_ALIVE = "another workflow runs in this folder; where both make the same files, wait for it to end"


def remove_stale_locks(folder: Path) -> IO[str]:
    """Remove lock markers in `folder`/locks unless another workflow in this folder is alive.

    Args:
        folder: Snakemake's working folder, `.snakemake`.

    Returns:
        An open file; while it stays open this process counts as alive.
    """
    folder.mkdir(exist_ok=True)
    alive = (folder / "alive").open("a", encoding="utf-8")
    try:
        fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for marker in (folder / "locks").glob("*.lock"):
            marker.unlink(missing_ok=True)
        fcntl.flock(alive, fcntl.LOCK_SH)
    except BlockingIOError:
        sys.stderr.write(f"{_ALIVE}\n")
        fcntl.flock(alive, fcntl.LOCK_SH)
    except OSError:  # a file system without kernel locks: leave the markers to Snakemake
        pass
    return alive
