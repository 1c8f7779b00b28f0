"""The splits: who is trained on, who is asked, and that nothing of the future leaks."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseqrec.config import LeaveOneOut, Temporal
from llmseqrec.contracts import INTERACTIONS, SESSIONS, write_table
from llmseqrec.data.splits import (
    Part,
    fold_bins,
    load_part,
    make_part,
    read_sessions,
    temporal_masks,
    write_part,
)
from llmseqrec.data.splits import (
    test_membership as read_membership,
)
from llmseqrec.errors import InputError
from llmseqrec.sessions import Prompts, Sessions

Row = tuple[int, int]  # (item, time)


@st.composite
def datasets(draw: st.DrawFn, min_sessions: int = 2) -> Sessions:
    """Sessions of 1 to 6 rows, times ascending inside a session, with many equal ends."""
    row = st.tuples(st.integers(0, 7), st.integers(0, 9))
    rows = draw(st.lists(st.lists(row, min_size=1, max_size=6), min_size=min_sessions, max_size=14))
    return sessions_of([sorted(r, key=lambda entry: entry[1]) for r in rows])


def sessions_of(rows: list[list[Row]], timed: bool = True) -> Sessions:
    frame = pd.DataFrame(
        [(n, item, time) for n, row in enumerate(rows) for item, time in row],
        columns=["session_id", "item_id", "timestamp"],
    ).astype({"session_id": "int32", "item_id": "int32"})
    return read_sessions(frame if timed else frame.drop(columns="timestamp"))


def lists_of(sessions: Sessions) -> dict[int, list[int]]:
    bounds = zip(sessions.session_ids, sessions.offsets[:-1], sessions.offsets[1:], strict=True)
    return {int(key): sessions.items[start:stop].tolist() for key, start, stop in bounds}


def complete(prompts: Prompts) -> dict[int, list[int]]:
    """Prompts with their targets put back."""
    found = lists_of(prompts.sessions)
    return {
        key: [*items, int(target)]
        for (key, items), target in zip(found.items(), prompts.targets, strict=True)
    }


def naive_filter(rows: dict[int, list[int]], known: set[int]) -> dict[int, list[int]]:
    kept = {key: [item for item in items if item in known] for key, items in rows.items()}
    return {key: items for key, items in kept.items() if len(items) >= 2}


def parts_of(sessions: Sessions, split: Temporal) -> list[Part]:
    names = [*(f"fold{n}" for n in range(1, split.folds + 1)), "full"]
    return [make_part(sessions, split, name) for name in names]


@given(datasets(), st.sampled_from([0.1, 0.2, 0.5]))
def test_the_latest_sessions_are_the_test_set(sessions: Sessions, fraction: float) -> None:
    train, test = temporal_masks(sessions, fraction)
    assert (train ^ test).all()
    assert test.sum() == math.ceil(fraction * len(sessions))
    ends = sessions.ends
    assert ends is not None
    if train.any():
        assert ends[train].max() <= ends[test].min()
        tied = ends == ends[test].min()
        # At the border the highest ids, which are hash orders, are the test sessions.
        ids = sessions.session_ids
        if (tied & train).any():
            assert ids[tied & train].max() < ids[tied & test].min()


@given(datasets(), st.integers(0, 4))
def test_folds_are_ordered_disjoint_and_as_equal_as_possible(
    sessions: Sessions, folds: int
) -> None:
    train, test = temporal_masks(sessions, 0.2)
    bins = fold_bins(sessions, train, folds + 1)
    assert (bins[test] == -1).all()
    sizes = np.bincount(bins[train], minlength=folds + 1)
    assert sizes.sum() == train.sum()
    assert sizes.max() - sizes.min() <= 1
    assert (np.diff(sizes) <= 0).all()
    ends = sessions.ends
    assert ends is not None
    for number in range(1, folds + 1):
        earlier, later = ends[(bins >= 0) & (bins < number)], ends[bins == number]
        assert not len(later) or earlier.max() <= later.min()


@given(datasets(min_sessions=5), st.booleans())
def test_no_session_is_trained_on_and_asked(sessions: Sessions, filter_items: bool) -> None:
    original = lists_of(sessions)
    split = Temporal(filter_items=filter_items)
    asked_before: set[int] = set()
    for part in parts_of(sessions, split):
        (prompts,) = part.prompts.values()
        train, asked = lists_of(part.train), complete(prompts)
        assert not set(train) & set(asked)
        assert train == {key: original[key] for key in train}  # training sessions are never cut
        rest = {key: items for key, items in original.items() if key in asked}
        known = set(part.train.items.tolist()) if filter_items else set(range(8))
        assert asked == naive_filter(rest, known)
        assert not asked_before & set(asked)
        asked_before |= set(asked)


@given(datasets(min_sessions=5))
def test_folds_grow_and_never_see_test_sessions(sessions: Sessions) -> None:
    *folds, full = parts_of(sessions, Temporal())
    seen = [set(lists_of(part.train)) for part in folds]
    assert all(first <= second for first, second in pairwise(seen))
    ends = sessions.ends
    assert ends is not None
    for part, ids in zip(folds, seen, strict=True):
        assert ids < set(lists_of(full.train))
        asked = part.prompts["valid"].sessions.session_ids
        assert not len(asked) or ends[sorted(ids)].max() <= ends[asked].min()


@given(datasets())
def test_prompts_hold_no_time_of_their_target(sessions: Sessions) -> None:
    times = sessions.times
    assert times is not None
    for part in (
        make_part(sessions, Temporal(), "full"),
        make_part(sessions, LeaveOneOut(), "full"),
    ):
        for prompts in part.prompts.values():
            asked = prompts.sessions
            assert asked.times is not None
            assert len(asked.times) == len(asked.items)
            for start, stop, key in zip(
                asked.offsets[:-1], asked.offsets[1:], asked.session_ids, strict=True
            ):
                begin, end = sessions.offsets[key], sessions.offsets[key + 1]
                assert (asked.times[start:stop] <= times[begin : end - 1].max()).all()


@given(datasets())
def test_leave_one_out_uses_each_position_once(sessions: Sessions) -> None:
    part = make_part(sessions, LeaveOneOut(), "full")
    original = lists_of(sessions)
    train, valid, test = lists_of(part.train), part.prompts["valid"], part.prompts["test"]
    long = {key for key, items in original.items() if len(items) >= 3}
    assert set(lists_of(valid.sessions)) == set(lists_of(test.sessions)) == long
    assert set(train) == set(original)
    for key, items in original.items():
        assert train[key] == (items[:-2] if key in long else items)
    for key in long:
        assert lists_of(valid.sessions)[key] == train[key]
        assert complete(valid)[key] == original[key][:-1]
        assert complete(test)[key] == original[key]


@settings(max_examples=30)
@given(datasets(min_sessions=4), st.data())
def test_a_published_membership_is_obeyed(sessions: Sessions, data: st.DataObject) -> None:
    flags = data.draw(st.lists(st.booleans(), min_size=len(sessions), max_size=len(sessions)))
    listed = np.array(flags)
    train, test = temporal_masks(sessions, 0.2, listed)
    assert (test == listed).all()
    assert not (train & test).any()
    ends = sessions.ends
    assert ends is not None
    border = np.sort(ends)[len(ends) - math.ceil(0.2 * len(ends))]
    assert (train == (~listed & (ends <= border))).all()


def test_the_membership_that_the_split_itself_finds_drops_only_what_ends_later() -> None:
    sessions = sessions_of([[(0, 0), (1, day)] for day in (1, 2, 3, 4, 4, 5, 6, 7, 8, 9)])
    train, test = temporal_masks(sessions, 0.2)
    again = temporal_masks(sessions, 0.2, test)
    assert (train == again[0]).all()
    assert (test == again[1]).all()


def sessions_table() -> pd.DataFrame:
    return pd.DataFrame({"session_id": range(3), "source_id": ["A1", "the user", "B 2"]})


def test_membership_is_one_key_a_line_and_a_key_may_hold_blanks(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_bytes(b"B 2\r\n\nthe user\n")
    assert read_membership(sessions_table(), path).tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("A1\nC9\nC8\n", r"3 session keys, 2 unknown, first 'C9' in line 2"),
        ("A1\nA1\n", "repeated keys"),
    ],
)
def test_membership_refuses_wrong_keys(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"ids\.txt: .*{reason}"):
        read_membership(sessions_table(), path)


def test_membership_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.txt: no such file"):
        read_membership(sessions_table(), tmp_path / "absent.txt")


def test_a_temporal_split_needs_times() -> None:
    with pytest.raises(InputError, match="no timestamps: use the leave_one_out protocol"):
        make_part(sessions_of([[(1, 0), (2, 0)]], timed=False), Temporal(), "full")


def write_dataset(folder: Path, rows: list[list[Row]]) -> None:
    sessions = sessions_of(rows)
    frame: dict[str, Any] = {"session_id": sessions.session_ids[sessions.rows]}
    frame["position"] = np.arange(len(sessions.items)) - sessions.offsets[sessions.rows]
    frame |= {"item_id": sessions.items, "timestamp": sessions.times}
    write_table(pd.DataFrame(frame), folder / "interactions.parquet", INTERACTIONS)
    keys = {"session_id": sessions.session_ids, "source_id": [f"s{n}" for n in range(len(rows))]}
    write_table(pd.DataFrame(keys), folder / "sessions.parquet", SESSIONS)


@pytest.mark.parametrize(
    ("part", "subset", "reason"),
    [
        ("full", "valid", "part full has no valid, only train, test"),
        ("fold4", "valid", "part fold4 has no valid sessions"),
        ("fold0", "train", "part fold0 has no train sessions"),
    ],
)
def test_an_empty_or_unknown_subset_writes_nothing(
    part: str, subset: str, reason: str, tmp_path: Path
) -> None:
    write_dataset(tmp_path, [[(0, n), (1, n + 1)] for n in range(10)])
    with pytest.raises(InputError, match=reason):
        write_part(tmp_path, Temporal(), part, subset, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_written_parts_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    write_dataset(tmp_path, [[(n % 3, n), (n % 2, n + 1), (1, n + 1)] for n in range(20)])
    for name in ("a", "b"):
        write_part(tmp_path, Temporal(), "fold2", "valid", tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["items.npy", "offsets.npy", "session_ids.npy", "targets.npy", "times.npy"]
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_membership_file_of_a_split_is_read_from_disk(tmp_path: Path) -> None:
    write_dataset(tmp_path, [[(0, n), (1, n + 1)] for n in range(10)])
    (tmp_path / "ids.txt").write_text("s9\n")
    split = Temporal(test_sessions=tmp_path / "ids.txt")
    part = load_part(tmp_path, split, "full")
    assert part.prompts["test"].sessions.session_ids.tolist() == [9]
    assert part.train.session_ids.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8]  # 8 ends on the border
