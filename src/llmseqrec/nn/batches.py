"""Batches of sessions: rows gathered from compressed rows, and which positions are scored.

An epoch visits every row once, in an order drawn for it. At the "reference" fidelity a batch has
all N columns and its rows are any (study, §4.5). At "standard" a batch holds rows of about equal
length, without the columns that would be padding in all of them: rows are shuffled, sorted by
length within pools of `POOL` batches, and the batches shuffled again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
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

POOL = 64  # batches; pools larger than an epoch change nothing


@dataclass(frozen=True)
class Batch:
    """Rows to read and positions to score.

    Attributes:
        inputs: (batch, length) item ids, `PADDING` on the left.
        positions: (m,) scored positions of the flattened inputs, ascending; at least one.
        targets: (m,) the right item at each.
    """

    inputs: Tensor
    positions: Tensor
    targets: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        return Batch(
            self.inputs.to(device, non_blocking=True),
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
        reference = self.options.fidelity == "reference"
        for rows in _order(lengths, self.options.size, rng, sort=not reference):
            width = self.options.length if reference else int(lengths[rows].max())
            inputs, targets = self.make(rows, width, rng)
            positions = np.flatnonzero(targets != PADDING)
            if len(positions):
                yield Batch(
                    torch.from_numpy(inputs.astype(np.int64)),
                    torch.from_numpy(positions),
                    torch.from_numpy(targets.ravel()[positions].astype(np.int64)),
                )


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


def _order(
    lengths: LongArray, size: int, rng: np.random.Generator, sort: bool
) -> Iterator[LongArray]:
    """Rows of each batch of an epoch."""
    rows: NDArray[np.int64] = rng.permutation(len(lengths))
    starts = np.arange(0, len(rows), size)
    if sort:
        pool = np.arange(len(rows)) // (POOL * size)
        rows = rows[np.lexsort((lengths[rows], pool))]
        starts = rng.permutation(starts)
    for start in starts:
        yield rows[start : start + size]
