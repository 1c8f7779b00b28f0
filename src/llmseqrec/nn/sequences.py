"""From sessions to the rows of item ids that networks read (study code: custom preprocessors).

Rows are padded on the left with `PADDING`, so that the last column is always the newest item. Items
are known ids: 0 .. n_items - 1 for the items of the training sessions, n_items for the mask token.

Deviation from the study's code:
    * Its BERT4Rec rows of a whole epoch are made at once; here a batch draws its own masks, as an
      epoch of a large dataset would not fit into memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from llmseqrec.sessions import IntArray, Sessions

PADDING = -1  # as an input: no item; as a target: a position that is not scored
MASKED_COPIES = 11  # BERT4Rec rows a session and epoch: last item masked, ten times random ones

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Vocabulary:
    """The items a network knows, numbered in order of first appearance.

    Attributes:
        items: (n_known,) catalogue ids; the position is the known id.
        n_items: size of the catalogue.
    """

    items: IntArray
    n_items: int

    @classmethod
    def of(cls, train: Sessions, n_items: int) -> Vocabulary:
        """The items of the training sessions."""
        return cls(pd.unique(np.asarray(train.items)), n_items)

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def known_ids(self) -> IntArray:
        """(n_items,) known id of each catalogue item; -1 for an unknown one."""
        ids = np.full(self.n_items, -1, dtype=np.int32)
        ids[self.items] = np.arange(len(self), dtype=np.int32)
        return ids

    def encode(self, sessions: Sessions) -> Sessions:
        """The same sessions in known ids, without unknown items; some may end up empty."""
        known = self.known_ids[sessions.items]
        kept = sessions.select(known >= 0)
        return Sessions(kept.offsets, known[known >= 0], kept.session_ids, kept.times)


def windows(sessions: Sessions, length: int, rows: NDArray[np.integer] | None = None) -> IntArray:
    """The last items of sessions, left-padded.

    Args:
        sessions: in known ids.
        length: of a window.
        rows: (n,) which sessions, by position; all by default.

    Returns:
        (n, length) item ids, oldest first.
    """
    starts, ends = sessions.offsets[:-1], sessions.offsets[1:]
    if rows is not None:
        starts, ends = starts[rows], ends[rows]
    index = ends[:, None] - length + np.arange(length)  # (n, length)
    inside = index >= starts[:, None]
    padded = np.full(index.shape, PADDING, dtype=np.int32)
    padded[inside] = sessions.items[index[inside]]
    return padded


def next_item_rows(last_items: IntArray) -> tuple[IntArray, IntArray]:
    """Inputs and targets of SASRec and GRU4Rec.

    Args:
        last_items: (n, length + 1) windows.

    Returns:
        Inputs (n, length) and the item that follows each, `PADDING` where the input is padding. A
        session of one item gives a row without targets.
    """
    inputs, targets = last_items[:, :-1], last_items[:, 1:]
    return inputs, np.where(inputs == PADDING, np.int32(PADDING), targets)


def mask_items(rows: IntArray, chosen: BoolArray, mask_id: int) -> tuple[IntArray, IntArray]:
    """Inputs and targets of BERT4Rec: the chosen items hidden behind the mask token.

    Args:
        rows: (n, length) windows.
        chosen: (n, length) positions to mask; padding never is.
        mask_id: n_items.
    """
    masked = chosen & (rows != PADDING)
    inputs = np.where(masked, np.int32(mask_id), rows)
    return inputs, np.where(masked, rows, np.int32(PADDING))


def draw_masks(
    last_only: BoolArray, length: int, mask_prob: float, rng: np.random.Generator
) -> BoolArray:
    """Positions to mask in training rows of BERT4Rec; padding is left to `mask_items`.

    Args:
        last_only: (n,) rows in which the newest item alone is masked: one of the `MASKED_COPIES`
            rows of a session. In the others every position is drawn on its own.
        length: of a row.
        mask_prob: chance of a position.
        rng: of the masks.

    Returns:
        (n, length).
    """
    chosen = rng.random((len(last_only), length), dtype=np.float32) < mask_prob
    newest = np.arange(length) == length - 1
    return np.where(last_only[:, None], newest, chosen)


def append_mask(rows: IntArray, mask_id: int) -> IntArray:
    """Prediction rows of BERT4Rec: windows of length - 1, then the mask token."""
    return np.pad(rows, ((0, 0), (0, 1)), constant_values=mask_id)


def forbidden_in_window(rows: IntArray, n_items: int) -> tuple[IntArray, IntArray]:
    """What the reference rules out for prompts: the items of the window (study code).

    Padding forbids the last known item too, as -1 indexes it in the study's code; items that fell
    out of the window stay allowed.

    Args:
        rows: (n, length) prediction rows.
        n_items: known items; the mask token is none.

    Returns:
        Row and known item of each forbidden score; some more than once.
    """
    row, column = np.nonzero(rows < n_items)
    return row.astype(np.int32), rows[row, column] % np.int32(n_items)
