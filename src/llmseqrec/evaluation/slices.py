"""Which test sessions belong together: rare and frequent targets, short and long prompts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Bin:
    """A range of counts.

    Attributes:
        slice: what is counted.
        lowest: fewest that belong to it.
        highest: most that do; None: any number.
    """

    slice: str
    lowest: int
    highest: int | None

    @property
    def name(self) -> str:
        """The range as text."""
        if self.highest is None:
            return f"> {self.lowest - 1}"
        if self.lowest == self.highest:
            return str(self.lowest)
        return f"{self.lowest}–{self.highest}" if self.lowest else f"≤ {self.highest}"

    def holds(self, counts: ArrayLike) -> NDArray[np.bool_]:
        """Which of the counts lie in the range."""
        found = np.asarray(counts)
        return (found >= self.lowest) & (
            found <= (np.inf if self.highest is None else self.highest)
        )


TARGET = "occurrences of the target in training"
PROMPT = "items in the prompt"
# Cold items are those of the first ranges, on their own and taken together; cold users have
# prompts of up to three items, the shortest range.
BINS = (
    *(Bin(TARGET, low, high) for low, high in ((0, 0), (1, 5), (6, 10), (11, None))),
    *(Bin(TARGET, 0, high) for high in (5, 10)),
    *(Bin(PROMPT, low, high) for low, high in ((0, 3), (4, 5), (6, 10), (11, 20))),
    *(Bin(PROMPT, low, high) for low, high in ((21, 50), (51, None))),
)
