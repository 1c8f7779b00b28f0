"""Temporal split with forward-chained folds, and leave-one-out (study, §7.1.1 and its code)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from llmseqrec.config import LeaveOneOut, Temporal
from llmseqrec.contracts import INTERACTIONS, SESSIONS, read_table
from llmseqrec.errors import InputError, shown
from llmseqrec.sessions import Prompts, Sessions, from_rows, withhold_last

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Part:
    """What one fit sees and what it is asked.

    Attributes:
        train: training sessions.
        prompts: `test` and / or `valid` prompts.
        rows: interactions of the sessions behind the prompts, `before` and `after` the item
            filter, and the number of these sessions, `sessions_before`.
    """

    train: Sessions
    prompts: dict[str, Prompts]
    rows: dict[str, int] = field(default_factory=dict)


def read_sessions(interactions: pd.DataFrame) -> Sessions:
    """All sessions of a dataset, in id order."""
    times = interactions["timestamp"].to_numpy() if "timestamp" in interactions else None
    return from_rows(
        interactions["session_id"].to_numpy(), interactions["item_id"].to_numpy(), times
    )


def make_part(
    sessions: Sessions, split: Temporal | LeaveOneOut, part: str, listed: Mask | None = None
) -> Part:
    """One part of a split.

    Args:
        sessions: all sessions of the dataset.
        split: the protocol.
        part: `full`, or `fold1` and so on.
        listed: (n,) sessions of a published test set, see `test_membership`.

    Raises:
        InputError: a temporal split of a dataset without times.
    """
    if isinstance(split, LeaveOneOut):
        return leave_one_out(sessions)
    train, test = temporal_masks(sessions, split.test_fraction, listed)
    if part == "full":
        return _part(sessions, train, test, "test", split.filter_items)
    number = int(part.removeprefix("fold"))
    bins = fold_bins(sessions, train, split.folds + 1)
    return _part(
        sessions, (bins >= 0) & (bins < number), bins == number, "valid", split.filter_items
    )


def temporal_masks(
    sessions: Sessions, test_fraction: float, listed: Mask | None = None
) -> tuple[Mask, Mask]:
    """Training and test sessions: the ceil(fraction * n) that end last are the test sessions.

    Sessions that end at the same time are ordered by id, which is a hash order; the reference
    decides such ties by an unstable sort. With a published membership the listed sessions are
    the test set, and unlisted ones that end after the border are left out of both, since the
    reference had dropped them from its test set after filtering items.
    """
    order = _by_end(sessions)
    n_test = math.ceil(test_fraction * len(sessions))
    test = np.zeros(len(sessions), dtype=bool)
    test[order[len(order) - n_test :]] = True
    if listed is None:
        return ~test, test
    ends = _ends(sessions)
    border = ends[order[len(order) - n_test]]
    return ~listed & (ends <= border), listed


def test_membership(sessions: pd.DataFrame, path: Path) -> Mask:
    """Which sessions a file of session keys, one a line, lists.

    Raises:
        InputError: a key is unknown or listed twice, or the file is absent.
    """
    numbered = _listed_keys(Path(path))
    keys = [key for key, _ in numbered]
    listed = sessions["source_id"].isin(keys).to_numpy()
    if listed.sum() != len(keys):
        known = set(sessions["source_id"])
        unknown = [(key, line) for key, line in numbered if key not in known]
        reason = "repeated keys"
        if unknown:
            key, line = unknown[0]
            reason = f"{len(unknown)} unknown, first {shown(key)} in line {line}"
        raise InputError(f"{path}: {len(keys)} session keys, {reason}")
    return listed


def _listed_keys(path: Path) -> list[tuple[str, int]]:
    """Keys of a file, one a line, with the numbers of their lines."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file (test_sessions of a split)") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error} (test_sessions of a split)") from None
    try:
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}: not UTF-8") from None
    stripped = ((line.strip(), number) for number, line in enumerate(lines, start=1))
    return [(key, number) for key, number in stripped if key]  # a key may hold blanks


def fold_bins(sessions: Sessions, train: Mask, bins: int) -> NDArray[np.int64]:
    """(n,) bin of each training session in order of its end; -1 outside.

    Bins are as equal as possible; the first ones get one more.
    """
    order = _by_end(sessions)
    order = order[train[order]]
    numbers = np.full(len(sessions), -1, dtype=np.int64)
    for number, chunk in enumerate(np.array_split(order, bins)):
        numbers[chunk] = number
    return numbers


def leave_one_out(sessions: Sessions) -> Part:
    """Last item test, the one before it validation, the rest training.

    Sessions of fewer than three items are training sessions as a whole (SASRec's rule).
    """
    long = sessions.lengths >= 3
    without_last = _cut(sessions, long, 1)
    train = _cut(sessions, long, 2)
    prompts = {
        "valid": withhold_last(without_last, long),
        "test": withhold_last(sessions, long),
    }
    rows = int(sessions.lengths[long].sum())
    counts = {"before": rows, "after": rows, "sessions_before": int(long.sum())}
    return Part(train, prompts, counts)


def write_part(
    folder: Path, split: Temporal | LeaveOneOut, part: str, subset: str, target: Path
) -> None:
    """Write one subset (`train`, `valid` or `test`) of a part of a prepared dataset.

    Raises:
        InputError: the part has no such subset, or it would be empty.
    """
    made = load_part(folder, split, part)
    if subset != "train" and subset not in made.prompts:
        raise InputError(
            f"{folder}: part {part} has no {subset}, only train, {', '.join(made.prompts)}"
        )
    (made.train if subset == "train" else made.prompts[subset]).save(target)


def load_part(folder: Path, split: Temporal | LeaveOneOut, part: str) -> Part:
    """Split a prepared dataset.

    Raises:
        InputError: a subset would be empty.
    """
    sessions = read_sessions(read_table(folder / "interactions.parquet", INTERACTIONS))
    made = make_part(sessions, split, part, membership_of(folder, split))
    for name, size in [("train", len(made.train))] + [
        (name, len(prompts.targets)) for name, prompts in made.prompts.items()
    ]:
        if size == 0:
            raise InputError(f"{folder}: part {part} has no {name} sessions; too little data")
    return made


def membership_of(folder: Path, split: Temporal | LeaveOneOut) -> Mask | None:
    """The published test membership a split names, if any."""
    if isinstance(split, LeaveOneOut) or split.test_sessions is None:
        return None
    return test_membership(read_table(folder / "sessions.parquet", SESSIONS), split.test_sessions)


def _part(sessions: Sessions, train: Mask, rest: Mask, name: str, filter_items: bool) -> Part:
    fitted = sessions.select(train[sessions.rows], train)
    keep = rest[sessions.rows]
    before = int(keep.sum())
    if filter_items:
        keep &= np.isin(sessions.items, fitted.items)
    asked = sessions.select(keep, rest)
    prompts = withhold_last(asked)
    after = int(asked.lengths[asked.lengths >= 2].sum())
    counts = {"before": before, "after": after, "sessions_before": int(rest.sum())}
    return Part(fitted, {name: prompts}, counts)


def _cut(sessions: Sessions, which: Mask, count: int) -> Sessions:
    """Sessions with the last `count` items taken from those in `which`."""
    return sessions.select(~which[sessions.rows] | (sessions.ages > count))


def _ends(sessions: Sessions) -> NDArray[np.int64]:
    if sessions.ends is None:
        raise InputError("the dataset has no timestamps: use the leave_one_out protocol")
    return sessions.ends


def _by_end(sessions: Sessions) -> NDArray[np.int64]:
    return np.lexsort((sessions.session_ids, _ends(sessions)))
