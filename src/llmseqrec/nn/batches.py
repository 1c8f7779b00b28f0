"""Batches of sessions: rows gathered from compressed rows, and which positions are scored.

An epoch visits every row once, in an order drawn for it; the rows of a batch are any. At the
"reference" fidelity a batch is one block of all N columns (study, §4.5). At "standard" its rows are
sorted by length and cut into blocks of few columns, so that little padding is computed. The loss is
that of the batch as a whole: batches of rows of one length would be cheaper, but their gradients
lean one way each, and the network learns worse (docs/reproduction.md).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from llmseqrec.nn.initialisers import Fidelity
from llmseqrec.nn.sequences import (
    MASKED_COPIES,
    PADDING,
    draw_masks,
    mask_items,
    next_item_rows,
    windows,
)
from llmseqrec.sessions import IntArray, LongArray, Sessions

BLOCK_COST = 128  # what one more block takes, as a number of positions


@dataclass(frozen=True)
class Batch:
    """Rows to read and positions to score.

    Attributes:
        blocks: item ids, (rows, columns) each, `PADDING` on the left.
        positions: (m,) scored positions, ascending, counted through the blocks row by row; at
            least one.
        targets: (m,) the right item at each.
    """

    blocks: tuple[Tensor, ...]
    positions: Tensor
    targets: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        return Batch(
            tuple(block.to(device, non_blocking=True) for block in self.blocks),
            self.positions.to(device, non_blocking=True),
            self.targets.to(device, non_blocking=True),
        )


@dataclass(frozen=True)
class BatchOptions:
    """How sessions become batches.

    Attributes:
        length: most items a network reads (the study's N).
        size: rows of a batch; the last of an epoch may be smaller.
        fidelity: see the module.
    """

    length: int = 20
    size: int = 256
    fidelity: Fidelity = "standard"


class Batches(ABC):
    """Batches of an epoch.

    Args:
        sessions: training sessions in known ids.
        options: length, size, fidelity.
    """

    def __init__(self, sessions: Sessions, options: BatchOptions) -> None:
        self.sessions = sessions
        self.options = options

    @abstractmethod
    def row_lengths(self) -> LongArray:
        """(n_rows,) items of each row of an epoch, at most what is read."""

    @abstractmethod
    def make(
        self, rows: LongArray, width: int, rng: np.random.Generator
    ) -> tuple[IntArray, IntArray]:
        """Inputs and targets of some rows, both (batch, columns).

        Args:
            rows: which, by position.
            width: the longest row; columns beyond it would be padding.
            rng: of what is drawn for them.
        """

    def __len__(self) -> int:
        return -(-len(self.row_lengths()) // self.options.size)

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        """One pass over all rows; batches with nothing to score are left out."""
        lengths = self.row_lengths()
        order: LongArray = rng.permutation(len(lengths))
        for start in range(0, len(order), self.options.size):
            rows = order[start : start + self.options.size]
            made = [self.make(block, width, rng) for block, width in self._blocks(rows, lengths)]
            targets = np.concatenate([block.ravel() for _, block in made])
            positions = np.flatnonzero(targets != PADDING)
            if len(positions):
                yield Batch(
                    tuple(torch.from_numpy(inputs.astype(np.int64)) for inputs, _ in made),
                    torch.from_numpy(positions),
                    torch.from_numpy(targets[positions].astype(np.int64)),
                )

    def _blocks(self, rows: LongArray, lengths: LongArray) -> Iterator[tuple[LongArray, int]]:
        """Rows and columns of each block of a batch."""
        if self.options.fidelity == "reference":
            yield rows, self.options.length
            return
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        start = 0
        for stop in cheapest_cuts(lengths[rows]):
            yield rows[start:stop], int(lengths[rows[stop - 1]])
            start = stop


class NextItemBatches(Batches):
    """Every item of a session but the last predicts the one after it (SASRec, GRU4Rec).

    A row is a session. "standard" leaves sessions of one item out: they have nothing to predict.
    """

    def __init__(self, sessions: Sessions, options: BatchOptions) -> None:
        super().__init__(sessions, options)
        least = 0 if options.fidelity == "reference" else 2
        self._rows = np.flatnonzero(sessions.lengths >= least)
        self._lengths = np.clip(sessions.lengths[self._rows] - 1, 1, options.length)

    def row_lengths(self) -> LongArray:
        """(n_rows,) number of input items."""
        return self._lengths

    def make(
        self, rows: LongArray, width: int, rng: np.random.Generator
    ) -> tuple[IntArray, IntArray]:
        """The last width + 1 items as inputs and, shifted, as targets."""
        return next_item_rows(windows(self.sessions, width + 1, self._rows[rows]))


class MaskedItemBatches(Batches):
    """Masked items are predicted from those on both sides (BERT4Rec).

    A session has `MASKED_COPIES` rows an epoch: in one the last item alone is masked, in the others
    every item with chance `mask_prob`, drawn anew. "standard" leaves rows without a mask out of
    their batch.

    Args:
        sessions: training sessions in known ids.
        options: length, size, fidelity.
        mask_prob: chance of an item to be masked.
        mask_id: the mask token, n_items.
    """

    def __init__(
        self, sessions: Sessions, options: BatchOptions, mask_prob: float, mask_id: int
    ) -> None:
        super().__init__(sessions, options)
        self.mask_prob = mask_prob
        self.mask_id = mask_id
        lengths = np.clip(sessions.lengths, 1, options.length)
        self._lengths: LongArray = np.repeat(lengths, MASKED_COPIES)

    def row_lengths(self) -> LongArray:
        """(n_sessions x copies,) number of items; the copies of a session stand side by side."""
        return self._lengths

    def make(
        self, rows: LongArray, width: int, rng: np.random.Generator
    ) -> tuple[IntArray, IntArray]:
        """The last items with masks, and what they hide."""
        session, copy = np.divmod(rows, MASKED_COPIES)
        chosen = draw_masks(copy == 0, width, self.mask_prob, rng)
        inputs, targets = mask_items(windows(self.sessions, width, session), chosen, self.mask_id)
        if self.options.fidelity == "reference":
            return inputs, targets
        useful = (targets != PADDING).any(axis=1)
        return inputs[useful], targets[useful]


def cheapest_cuts(lengths: LongArray) -> list[int]:
    """Where to cut rows into blocks, each as wide as its longest row, at the least cost.

    The cost is the number of positions computed, padding too, and `BLOCK_COST` for each block.

    Args:
        lengths: (n,) ascending, n at least 1.

    Returns:
        End of each block, ascending; the last is n.
    """
    widths, counts = np.unique(lengths, return_counts=True)
    ends = np.concatenate([[0], np.cumsum(counts)])
    cost = np.zeros(len(ends))  # of the rows before each end
    origin = np.zeros(len(ends), dtype=np.int64)  # where the last block of these rows starts
    for last, width in enumerate(widths, 1):
        costs = cost[:last] + width * (ends[last] - ends[:last]) + BLOCK_COST
        origin[last] = costs.argmin()
        cost[last] = costs[origin[last]]
    cuts, last = [], len(widths)
    while last:
        cuts.append(int(ends[last]))
        last = int(origin[last])
    return cuts[::-1]
