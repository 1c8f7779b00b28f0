"""De-duplication and the p-core filter."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from llmseqrec.errors import InputError

Codes = NDArray[np.intp]
Mask = NDArray[np.bool_]


def deduplicate_pairs(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the earliest interaction of each (session, item) pair.

    Earliest by `order` where the frame has it, else by `timestamp`, then by row (study, §7.1.1,
    Steam). The rows kept stay in the order they came in.
    """
    sessions, items = _codes(frame["session"]), _codes(frame["item"])
    pairs = sessions.astype(np.int64) * (items.max(initial=0) + 1) + items
    keys = [pairs]
    when = next((name for name in ("order", "timestamp") if name in frame.columns), None)
    if when:
        keys.insert(0, frame[when].to_numpy())
    sequence = np.lexsort(keys)  # stable: rows break the ties that remain
    first = np.ones(len(frame), dtype=bool)
    first[sequence[1:]] = pairs[sequence[1:]] != pairs[sequence[:-1]]
    return _take(frame, first)


def p_core(
    frame: pd.DataFrame, minimum: int, mode: Literal["iterative", "once", "none"]
) -> tuple[pd.DataFrame, int]:
    """Keep sessions and items with enough interactions; rows are counted, repeats included.

    Args:
        frame: interactions with `session` and `item`.
        minimum: fewest interactions a session and an item must have.
        mode: `iterative` drops sessions, then items, until a pass changes nothing (study,
            §7.1.1); `once` counts both on all rows, as is usual for MovieLens-1M; `none`.

    Returns:
        The interactions kept, in their order, and the number of passes, the last one, which
        changes nothing, included.

    Raises:
        InputError: nothing is left.
    """
    sessions, items = _codes(frame["session"]), _codes(frame["item"])
    if mode == "iterative":
        keep, passes = _iterate(sessions, items, minimum)
    elif mode == "once":
        keep, passes = _frequent(sessions, minimum) & _frequent(items, minimum), 1
    else:
        keep, passes = np.ones(len(frame), dtype=bool), 0
    if not keep.any():
        raise InputError(
            f"core: none of {len(frame)} interactions is left at minimum {minimum}, mode {mode}; "
            "lower core.minimum"
        )
    return _take(frame, keep), passes


def _iterate(sessions: Codes, items: Codes, minimum: int) -> tuple[Mask, int]:
    kept = np.arange(len(sessions))
    passes, before = 0, -1
    while len(kept) != before:
        before = len(kept)
        kept = kept[_frequent(sessions[kept], minimum)]
        kept = kept[_frequent(items[kept], minimum)]
        passes += 1
    keep = np.zeros(len(sessions), dtype=bool)
    keep[kept] = True
    return keep, passes


def _frequent(codes: Codes, minimum: int) -> Mask:
    """Which rows have a code that occurs at least `minimum` times."""
    enough: Mask = np.bincount(codes)[codes] >= minimum if len(codes) else np.zeros(0, dtype=bool)
    return enough


def _codes(column: pd.Series[Any]) -> Codes:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy().astype(np.intp)
    return pd.factorize(column)[0]


def _take(frame: pd.DataFrame, keep: Mask) -> pd.DataFrame:
    taken = frame[keep].reset_index(drop=True)
    for name in taken.columns[[isinstance(kind, pd.CategoricalDtype) for kind in taken.dtypes]]:
        taken[name] = taken[name].cat.remove_unused_categories()
    return taken
