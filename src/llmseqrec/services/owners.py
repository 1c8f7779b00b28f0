"""Who holds something in a shared file, and whether that process can still be alive."""

from __future__ import annotations

import os
import socket
import time
from functools import cache
from pathlib import Path

LEASE = 900.0  # seconds without a sign of life after which a process elsewhere counts as dead


@cache
def _name_of(pid: int) -> str:
    return f"{socket.gethostname()}/{pid}/{_started(pid)}"


def own_name() -> str:
    """The name of this process: host, number and start; a number alone is used again."""
    return _name_of(os.getpid())


def may_live(name: str, seen: float) -> bool:
    """Whether a process can still be alive.

    Args:
        name: as its `own_name` was.
        seen: time of its last sign of life, seconds since 1970; counts for other machines only.
    """
    host, pid, started = name.rsplit("/", 2)
    if host != socket.gethostname():
        return time.time() - seen < LEASE
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, so it is there
        pass
    return _started(int(pid)) == started


def _started(pid: int) -> str:
    """Start of a process in clock ticks since boot; empty where the system does not tell.

    A process that has ended but was not yet waited for counts as gone.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "gone" if fields[0] in "ZX" else fields[19]
