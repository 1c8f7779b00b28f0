"""Requests side by side: each tried again where that may help, none after one failed for good."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TypeVar

from llmseqrec.services.problems import with_retries

Task = TypeVar("Task")


class Pace:
    """Requests a minute, evenly spread; shared by threads.

    Args:
        a_minute: at most; None: any number.
    """

    def __init__(self, a_minute: float | None = None) -> None:
        self._apart = 60 / a_minute if a_minute else 0.0
        self._next = time.monotonic()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when the next request may be sent."""
        with self._lock:
            at = max(self._next, time.monotonic())
            self._next = at + self._apart
        time.sleep(max(0.0, at - time.monotonic()))


@dataclass(frozen=True)
class Effort:
    """How requests are made.

    Attributes:
        concurrency: in flight at once.
        attempts: tries of one.
        pace: how many a minute.
        again: called before another try, to give a sign of life.
    """

    concurrency: int
    attempts: int
    pace: Pace
    again: Callable[[], None]


def side_by_side(
    tasks: Sequence[Task], attempt: Callable[[Task], None], effort: Effort
) -> Iterator[Task]:
    """Tasks as they are done; after a problem those in flight are awaited, no others begun.

    Args:
        tasks: what is to be done.
        attempt: one try of one task.
        effort: how.

    Raises:
        ServiceError: of the first task that failed for good.
    """
    stopped = threading.Event()

    def do(task: Task) -> Task:
        try:
            with_retries(_tries(task, attempt, effort, stopped), effort.attempts)
        except BaseException:
            stopped.set()
            raise
        return task

    with ThreadPoolExecutor(effort.concurrency) as pool:
        pending = [pool.submit(do, task) for task in tasks]
        try:
            for future in as_completed(pending):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _tries(
    task: Task, attempt: Callable[[Task], None], effort: Effort, stopped: threading.Event
) -> Callable[[], None]:
    """One try after another of a task; none is sent once another task has failed for good."""
    first = True

    def one() -> None:
        nonlocal first
        if not first:
            effort.again()
        first = False
        effort.pace.wait()
        if not stopped.is_set():
            attempt(task)

    return one
