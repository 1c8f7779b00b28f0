"""Sessions as compressed rows: what every model, split and metric works on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from llmseqrec.arrays import read_array, write_array
from llmseqrec.errors import FileError

IntArray = NDArray[np.int32]
LongArray = NDArray[np.int64]


@dataclass(frozen=True)
class Sessions:
    """Sequences of items, oldest item first, as compressed rows.

    Attributes:
        offsets: (n + 1,) where each session starts in `items`.
        items: (nnz,) item ids.
        session_ids: (n,) the id of each session.
        times: (nnz,) time of each interaction, in seconds; None where a dataset has no times.
    """

    offsets: LongArray
    items: IntArray
    session_ids: IntArray
    times: LongArray | None = None

    def __len__(self) -> int:
        return len(self.session_ids)

    @property
    def lengths(self) -> LongArray:
        """(n,) number of items in each session."""
        return np.diff(self.offsets)

    @property
    def rows(self) -> LongArray:
        """(nnz,) which session (by position, not id) each entry of `items` belongs to."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def ages(self) -> LongArray:
        """(nnz,) 1 for the most recent item of a session, counting up towards the oldest."""
        return np.repeat(self.offsets[1:], self.lengths) - np.arange(self.offsets[-1])

    @property
    def last_items(self) -> IntArray:
        """(n,) most recent item of each session; -1 for an empty one."""
        last = np.full(len(self), -1, dtype=np.int32)
        filled = self.lengths > 0
        last[filled] = self.items[self.offsets[1:][filled] - 1]
        return last

    @property
    def ends(self) -> LongArray | None:
        """(n,) time of the latest interaction of each session (0 for an empty one), or None."""
        if self.times is None:
            return None
        ends = np.zeros(len(self), dtype=np.int64)
        filled = self.lengths > 0
        if filled.any():
            ends[filled] = np.maximum.reduceat(self.times, self.offsets[:-1][filled])
        return ends

    def take(self, index: slice) -> Self:
        """A contiguous range of sessions that shares memory with this one."""
        start, stop, _ = index.indices(len(self))
        stop = max(start, stop)
        offsets = self.offsets[start : stop + 1]
        entries = slice(offsets[0], offsets[-1])
        return type(self)(
            offsets - offsets[0],
            self.items[entries],
            self.session_ids[start:stop],
            None if self.times is None else self.times[entries],
        )

    def select(self, entries: NDArray[np.bool_], chosen: NDArray[np.bool_] | None = None) -> Self:
        """The chosen sessions with some of their items; a session may end up empty.

        Args:
            entries: (nnz,) which items to keep; none of a session that is not chosen.
            chosen: (n,) which sessions to keep; all by default.
        """
        counts = np.bincount(self.rows[entries], minlength=len(self))
        if chosen is not None:
            counts = counts[chosen]
        return type(self)(
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            self.items[entries],
            self.session_ids if chosen is None else self.session_ids[chosen],
            None if self.times is None else self.times[entries],
        )

    def batches(self, size: int) -> Iterator[Self]:
        """Consecutive ranges of at most `size` sessions."""
        for start in range(0, len(self), size):
            yield self.take(slice(start, start + size))

    def last(self, count: int) -> Self:
        """Each session cut to its `count` most recent items."""
        return self.select(self.ages <= count)

    def save(self, folder: Path) -> None:
        """Write one .npy file an array."""
        for field in fields(self):
            array = getattr(self, field.name)
            if array is not None:
                write_array(array, folder / f"{field.name}.npy")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Memory-map what `save` wrote.

        Raises:
            FileError: a file is damaged, or they do not belong together.
        """
        paths = {field.name: Path(folder) / f"{field.name}.npy" for field in fields(Sessions)}
        found = cls(
            **{
                name: read_array(path)
                for name, path in paths.items()
                if name != "times" or path.exists()
            }
        )
        ends = len(found.offsets) - 1, int(found.offsets[-1]) if len(found.offsets) else 0
        if ends != (len(found.session_ids), len(found.items)):
            raise FileError(f"{folder}: its files are of different sessions; delete it, run again")
        return found


@dataclass(frozen=True)
class Prompts:
    """Sessions to recommend for and the item that came next in each.

    Models are given `sessions` alone; `targets` (n,) is read by the evaluation only.
    """

    sessions: Sessions
    targets: IntArray

    def save(self, folder: Path) -> None:
        """Write the sessions and `targets.npy`."""
        self.sessions.save(folder)
        write_array(self.targets, folder / "targets.npy")

    def completed(self) -> Sessions:
        """The sessions with their targets at the end; without times, as targets have none."""
        ends = self.sessions.offsets[1:]
        items = np.insert(self.sessions.items, ends, self.targets)
        offsets = self.sessions.offsets + np.arange(len(self.sessions.offsets))
        return Sessions(offsets, items, self.sessions.session_ids)

    @classmethod
    def load(cls, folder: Path) -> Prompts:
        """Memory-map what `save` wrote."""
        folder = Path(folder)
        return cls(Sessions.load(folder), read_array(folder / "targets.npy"))


def from_rows(session_ids: IntArray, items: IntArray, times: LongArray | None = None) -> Sessions:
    """Sessions of rows grouped by session id; the session order is that of first appearance.

    Args:
        session_ids: (nnz,) equal ids stand side by side.
        items: (nnz,) oldest first within a session.
        times: (nnz,) seconds, or None.
    """
    starts = np.flatnonzero(np.diff(session_ids, prepend=-1))
    offsets = np.append(starts, len(session_ids)).astype(np.int64)
    return Sessions(offsets, items.astype(np.int32), session_ids[starts].astype(np.int32), times)


def with_targets(sessions: Sessions, prompts: Prompts) -> Sessions:
    """Sessions, those of the prompts complete, and in the prompts' place; without times."""
    complete = prompts.completed()
    others = ~np.isin(sessions.session_ids, complete.session_ids)
    kept = sessions.select(others[sessions.rows], others)
    return Sessions(
        np.concatenate([kept.offsets, kept.offsets[-1] + complete.offsets[1:]]),
        np.concatenate([kept.items, complete.items]),
        np.concatenate([kept.session_ids, complete.session_ids]),
    )


def withhold_last(sessions: Sessions, keep: NDArray[np.bool_] | None = None) -> Prompts:
    """Leave-one-out prompts: all items but the last, and the last as the target.

    Sessions with fewer than two items give nothing (study, §7.1.1).

    Args:
        sessions: complete sessions.
        keep: (n,) which sessions to use; all by default.
    """
    chosen = sessions.lengths >= 2
    if keep is not None:
        chosen &= keep
    in_prompt = chosen[sessions.rows] & (sessions.ages > 1)
    return Prompts(sessions.select(in_prompt, chosen), sessions.last_items[chosen])
