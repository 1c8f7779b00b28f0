"""How far a download has come: a bar on a terminal, a log line now and then elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

logger = logging.getLogger(__name__)

LOG_EVERY = 10.0  # seconds


@contextmanager
def progress(name: str, done: int, total: int | None) -> Iterator[Callable[[int], object]]:
    """A function to call with the number of bytes of each chunk.

    Args:
        name: What is shown.
        done: Bytes that were there before.
        total: Bytes of the whole, where known.
    """
    if sys.stderr.isatty():
        with tqdm(desc=name, initial=done, total=total, unit="B", unit_scale=True) as bar:
            yield bar.update
        return
    whole = "?" if total is None else f"{total:,}"
    last = time.monotonic()

    def log(n_bytes: int) -> None:
        nonlocal done, last
        done += n_bytes
        if time.monotonic() - last >= LOG_EVERY:
            last = time.monotonic()
            logger.info("%s: %s of %s bytes", name, f"{done:,}", whole)

    yield log
