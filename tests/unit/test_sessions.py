"""Sessions as compressed rows against plain lists."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmseqrec.sessions import Prompts, Sessions, from_rows, with_targets, withhold_last

Rows = list[list[tuple[int, int]]]  # (item, time) of every session
rows_strategy = st.lists(
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 99)), max_size=6), max_size=7
)


def sessions_of(rows: Rows, timed: bool = True) -> Sessions:
    """Sessions with ids 10, 12, 14, ...: an id is never a position."""
    flat = [entry for row in rows for entry in row]
    times = np.array([time for _, time in flat], dtype=np.int64)
    return Sessions(
        np.cumsum([0, *map(len, rows)]).astype(np.int64),
        np.array([item for item, _ in flat], dtype=np.int32),
        10 + 2 * np.arange(len(rows), dtype=np.int32),
        times if timed else None,
    )


def lists_of(sessions: Sessions) -> Rows:
    assert sessions.times is not None
    pairs = list(zip(sessions.items.tolist(), sessions.times.tolist(), strict=True))
    bounds = zip(sessions.offsets[:-1], sessions.offsets[1:], strict=True)
    return [pairs[start:stop] for start, stop in bounds]


@given(rows_strategy)
def test_views_equal_plain_lists(rows: Rows) -> None:
    sessions = sessions_of(rows)
    assert len(sessions) == len(rows)
    assert sessions.lengths.tolist() == [len(row) for row in rows]
    assert sessions.rows.tolist() == [n for n, row in enumerate(rows) for _ in row]
    assert sessions.ages.tolist() == [len(row) - i for row in rows for i in range(len(row))]
    assert sessions.last_items.tolist() == [row[-1][0] if row else -1 for row in rows]
    assert sessions.ends is not None
    assert sessions.ends.tolist() == [max((time for _, time in row), default=0) for row in rows]


@given(rows_strategy, st.integers(-8, 8), st.integers(-8, 8))
def test_take_equals_a_slice_of_the_list(rows: Rows, start: int, stop: int) -> None:
    sessions = sessions_of(rows)
    taken = sessions.take(slice(start, stop))
    assert lists_of(taken) == rows[start:stop]
    assert taken.session_ids.tolist() == sessions.session_ids.tolist()[start:stop]


def test_take_copies_no_items() -> None:
    sessions = sessions_of([[(1, 1)], [(2, 2), (3, 3)]])
    assert np.shares_memory(sessions.take(slice(1, 2)).items, sessions.items)


@given(rows_strategy, st.integers(1, 4))
def test_batches_join_to_the_whole(rows: Rows, size: int) -> None:
    batches = list(sessions_of(rows).batches(size))
    assert all(1 <= len(batch) <= size for batch in batches)
    assert [row for batch in batches for row in lists_of(batch)] == rows


@given(rows_strategy, st.integers(0, 7))
def test_last_cuts_every_session(rows: Rows, count: int) -> None:
    assert lists_of(sessions_of(rows).last(count)) == [
        row[max(len(row) - count, 0) :] for row in rows
    ]


@given(rows_strategy, st.data())
def test_select_keeps_the_marked_entries(rows: Rows, data: st.DataObject) -> None:
    sessions = sessions_of(rows)
    keep = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    chosen = np.array(keep, dtype=bool)
    entries = chosen[sessions.rows] & (sessions.items % 2 == 0)
    selected = sessions.select(entries, chosen)
    even = [[entry for entry in row if entry[0] % 2 == 0] for row in rows]
    assert lists_of(selected) == [row for row, kept in zip(even, keep, strict=True) if kept]
    assert selected.session_ids.tolist() == sessions.session_ids[chosen].tolist()
    assert lists_of(sessions.select(sessions.items % 2 == 0)) == even


@given(rows_strategy, st.data())
def test_the_target_is_the_last_item_and_not_in_the_prompt(rows: Rows, data: st.DataObject) -> None:
    sessions = sessions_of(rows)
    keep = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    prompts = withhold_last(sessions, np.array(keep, dtype=bool))
    used = [n for n, row in enumerate(rows) if len(row) >= 2 and keep[n]]
    assert lists_of(prompts.sessions) == [rows[n][:-1] for n in used]
    assert prompts.targets.tolist() == [rows[n][-1][0] for n in used]
    assert prompts.sessions.session_ids.tolist() == sessions.session_ids[used].tolist()


@given(rows_strategy)
def test_rows_group_into_sessions(rows: Rows) -> None:
    sessions = sessions_of(rows)
    filled = [row for row in rows if row]  # a session without a row leaves no trace
    ids = sessions.session_ids[sessions.rows]
    grouped = from_rows(ids, sessions.items, sessions.times)
    assert lists_of(grouped) == filled
    assert grouped.session_ids.tolist() == list(dict.fromkeys(ids.tolist()))


@pytest.mark.parametrize("rows", [[], [[]], [[(3, 4)], [], [(1, 2), (5, 6)]]])
@pytest.mark.parametrize("timed", [True, False])
def test_saved_sessions_come_back(rows: Rows, timed: bool, tmp_path: Path) -> None:
    sessions = sessions_of(rows, timed)
    sessions.save(tmp_path / "train")
    loaded = Sessions.load(tmp_path / "train")
    assert (loaded.times is None) == (not timed)
    for name in ("offsets", "items", "session_ids", *(["times"] if timed else [])):
        stored, kept = getattr(loaded, name), getattr(sessions, name)
        np.testing.assert_array_equal(stored, kept)
        assert stored.dtype == kept.dtype


def test_saved_prompts_come_back_and_hold_no_target_among_the_items(tmp_path: Path) -> None:
    prompts = withhold_last(sessions_of([[(3, 1), (4, 2)], [(1, 2)], [(1, 2), (5, 6), (7, 8)]]))
    prompts.save(tmp_path / "test")
    loaded = Prompts.load(tmp_path / "test")
    assert loaded.targets.tolist() == [4, 7]
    assert lists_of(loaded.sessions) == [[(3, 1)], [(1, 2), (5, 6)]]
    assert loaded.sessions.ends is not None
    assert loaded.sessions.ends.tolist() == [1, 6]  # not the times of the targets


def test_sessions_get_their_targets_back() -> None:
    whole = from_rows(np.array([4, 4, 4, 7, 9, 9]), np.array([1, 2, 3, 5, 6, 1]))
    prompts = withhold_last(whole, np.array([True, True, False]))
    train = whole.select(np.array([True, True, False, True, True, True]))
    made = with_targets(train, prompts)
    found = {
        int(key): made.items[start:stop].tolist()
        for key, start, stop in zip(
            made.session_ids, made.offsets[:-1], made.offsets[1:], strict=True
        )
    }
    assert found == {4: [1, 2, 3], 7: [5], 9: [6, 1]}
    assert made.items.dtype == np.int32
    assert prompts.completed().items.tolist() == [1, 2, 3]
