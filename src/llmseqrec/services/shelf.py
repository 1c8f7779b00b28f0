"""How several processes fill one cache together: each buys what it has claimed first."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

_LOG = logging.getLogger(__name__)
_POLL = 0.2  # seconds between looks while another process buys what is missing
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Shelf(Generic[Thing]):
    """A cache, as those see it who buy for it.

    Attributes:
        name: of what is in it, for logs.
        missing: which of some things are not there.
        claim: which of some things are this process's to buy from now on.
        release: gives up all claims.
    """

    name: str
    missing: Callable[[Iterable[Thing]], list[Thing]]
    claim: Callable[[Iterable[Thing]], list[Thing]]
    release: Callable[[], None]

    def fill(self, wanted: Sequence[Thing], buy: Callable[[Sequence[Thing]], None]) -> None:
        """Buy what nobody else buys, and wait for what others do.

        Args:
            wanted: what is missing.
            buy: brings things into the cache.
        """
        try:
            while wanted:
                mine = self.claim(wanted)
                if mine:
                    buy(mine)
                else:
                    _LOG.info("%s: another job is buying %d", self.name, len(wanted))
                    self._await_others(wanted[:1])
                wanted = self.missing(wanted)
        finally:
            self.release()

    def _await_others(self, first: Sequence[Thing]) -> None:
        """Return when the first thing is bought, or nobody's; one is a short look."""
        while self.missing(first) and not self.claim(first):
            time.sleep(_POLL)
