"""Ids and tie orders: hashes of the keys, whatever the order of the file."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseqrec.data.ordering import dense_ids, hash_keys, shuffle_ties, tie_rank

RULES = ("hash", "file", "asin", "published")


def frame_of(session_times: list[list[int]]) -> pd.DataFrame:
    """Interactions whose item ids tell rows apart; times in the given order."""
    counts = [len(times) for times in session_times]
    n = sum(counts)
    return pd.DataFrame(
        {
            "session_id": np.repeat(np.arange(len(counts), dtype=np.int32), counts),
            "position": np.array([p for c in counts for p in range(c)], dtype=np.int32),
            "item_id": np.arange(n, dtype=np.int32),
            "timestamp": np.array([t for times in session_times for t in times], dtype=np.int64),
        }
    )


times_strategy = st.lists(st.lists(st.integers(0, 3), max_size=6), min_size=1, max_size=5)


def test_hashes_are_those_of_blake2b() -> None:
    assert hash_keys(["A3PD8JD9L4WEII"]).tolist() == [6037062790171123013]
    assert hash_keys([]).dtype == np.uint64


@given(st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=20), st.randoms())
def test_ids_do_not_depend_on_the_order_of_the_file(keys: list[str], random: object) -> None:
    shuffled = sorted(keys, key=lambda _: random.random())  # type: ignore[attr-defined]
    first, second = dense_ids(pd.Series(keys)), dense_ids(pd.Series(shuffled, dtype="category"))
    assert first.keys.tolist() == second.keys.tolist()
    assert first.keys[first.ids].tolist() == keys
    assert second.keys[second.ids].tolist() == shuffled
    assert (np.diff(first.hashes.astype(object)) >= 0).all()
    assert sorted(set(first.ids.tolist())) == list(range(len(set(keys))))


@settings(max_examples=50)
@given(st.integers(0, 2**32), st.sampled_from(["hash", "asin"]))
def test_tie_order_does_not_depend_on_the_order_of_the_file(seed: int, rule: str) -> None:
    rng = np.random.default_rng(seed)
    pairs = pd.DataFrame([(s, i) for s in "xyz" for i in "abcde"], columns=["session", "item"])
    orders = []
    for rows in (pairs, pairs.iloc[rng.permutation(len(pairs))].reset_index(drop=True)):
        sessions, items = dense_ids(rows["session"]), dense_ids(rows["item"])
        rank = tie_rank(rule, sessions, items, np.zeros(len(rows), dtype=np.int64))
        order = np.lexsort((rank, sessions.ids))
        orders.append(rows.iloc[order].to_numpy().tolist())
    assert orders[0] == orders[1]


def test_hash_orders_the_same_items_differently_in_different_sessions() -> None:
    rows = pd.DataFrame([(s, i) for s in range(200) for i in "abc"], columns=["session", "item"])
    sessions, items = dense_ids(rows["session"]), dense_ids(rows["item"])
    rank = tie_rank("hash", sessions, items, np.zeros(len(rows), dtype=np.int64))
    best = rows.loc[rows.assign(rank=rank).groupby("session")["rank"].idxmin(), "item"]
    counts = best.value_counts()
    assert len(counts) == 3
    assert counts.min() > 40  # 67 expected


def test_named_rules() -> None:
    rows = pd.DataFrame({"session": ["s"] * 3, "item": ["c", "a", "b"]})
    sessions, items = dense_ids(rows["session"]), dense_ids(rows["item"])
    times = np.array([5, 5, 1], dtype=np.int64)
    ranks = {rule: tie_rank(rule, sessions, items, times) for rule in RULES}
    assert ranks["file"].tolist() == [0, 1, 2]
    assert ranks["asin"].tolist() == [2, 0, 1]
    assert ranks["published"][2] == 0  # earliest of all rows
    assert all(len(set(rank.tolist())) == 3 for rank in ranks.values())


@given(times_strategy, st.integers(0, 1000))
def test_shuffle_moves_items_inside_their_tie_only(times: list[list[int]], seed: int) -> None:
    frame = frame_of([sorted(row) for row in times])
    shuffled = shuffle_ties(frame, np.random.default_rng(seed))
    kept = ["session_id", "position", "timestamp"]
    pd.testing.assert_frame_equal(shuffled[kept], frame[kept])
    for _, rows in frame.groupby(["session_id", "timestamp"]):
        assert sorted(shuffled.loc[rows.index, "item_id"]) == rows["item_id"].tolist()


@given(times_strategy, st.integers(0, 1000))
def test_shuffle_respects_an_order_that_contradicts_the_times(
    times: list[list[int]], seed: int
) -> None:
    frame = frame_of(times)
    shuffled = shuffle_ties(frame, np.random.default_rng(seed))
    moved = (shuffled["item_id"] != frame["item_id"]).to_numpy()
    time_of = frame.set_index("item_id")["timestamp"]
    session_of = frame.set_index("item_id")["session_id"]
    assert (time_of[shuffled["item_id"]].to_numpy() == frame["timestamp"].to_numpy()).all()
    assert (session_of[shuffled["item_id"]].to_numpy() == frame["session_id"].to_numpy()).all()
    alone = ~frame.duplicated(["session_id", "timestamp"], keep=False).to_numpy()
    assert not (moved & alone).any()


def test_every_order_of_a_tie_comes_up() -> None:
    frame = frame_of([[7, 7, 7]])
    orders = {
        tuple(shuffle_ties(frame, np.random.default_rng(seed))["item_id"]) for seed in range(100)
    }
    assert len(orders) == 6


def test_same_generator_same_shuffle() -> None:
    frame = frame_of([[1] * 20])
    first, second = (shuffle_ties(frame, np.random.default_rng(3)) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize("rule", RULES)
def test_no_rows(rule: str) -> None:
    none = dense_ids(pd.Series([], dtype="str"))
    assert len(tie_rank(rule, none, none, np.zeros(0, dtype=np.int64))) == 0
