"""De-duplication and the p-core filter."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmseqrec.data.core import deduplicate_pairs, p_core
from llmseqrec.errors import InputError


def frame(pairs: list[tuple[str, str]], **columns: list[int]) -> pd.DataFrame:
    sessions, items = zip(*pairs, strict=True)
    return pd.DataFrame({"session": sessions, "item": items, **columns})


def pairs_of(rows: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(rows["session"].astype(str), rows["item"].astype(str), strict=True))


def test_the_earliest_of_repeated_pairs_stays() -> None:
    rows = frame([("a", "x"), ("a", "x"), ("b", "x"), ("a", "x")], timestamp=[3, 1, 2, 1])
    assert deduplicate_pairs(rows)["timestamp"].tolist() == [1, 2]
    assert pairs_of(deduplicate_pairs(rows)) == [("a", "x"), ("b", "x")]


def test_equal_times_keep_the_first_row_and_an_order_comes_before_times() -> None:
    rows = frame([("a", "x"), ("a", "x")], timestamp=[1, 1], row=[0, 1])
    assert deduplicate_pairs(rows)["row"].tolist() == [0]
    assert deduplicate_pairs(rows.assign(order=[2, 1]))["row"].tolist() == [1]
    assert deduplicate_pairs(rows.drop(columns="timestamp"))["row"].tolist() == [0]


# Dropping session c leaves item z with one row; dropping z leaves session b with one.
CASCADE = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "z"), ("c", "z"), ("d", "x"), ("d", "y")]


def test_the_iterative_core_runs_until_nothing_changes() -> None:
    core, passes = p_core(frame(CASCADE), 2, "iterative")
    assert pairs_of(core) == [("a", "x"), ("a", "y"), ("d", "x"), ("d", "y")]
    assert passes == 3


def test_the_one_time_core_counts_the_raw_rows() -> None:
    core, passes = p_core(frame(CASCADE), 2, "once")
    assert pairs_of(core) == [pair for pair in CASCADE if pair[0] != "c"]
    assert passes == 1


def test_repeated_rows_count() -> None:
    core, _ = p_core(frame([("a", "x")] * 2), 2, "iterative")
    assert len(core) == 2


def test_none_keeps_everything() -> None:
    assert pairs_of(p_core(frame(CASCADE), 9, "none")[0]) == CASCADE


def test_categories_that_are_gone_are_dropped() -> None:
    rows = frame(CASCADE).astype("category")
    core, _ = p_core(rows, 2, "iterative")
    assert core["session"].cat.categories.tolist() == ["a", "d"]
    assert pairs_of(core) == pairs_of(p_core(frame(CASCADE), 2, "iterative")[0])


@pytest.mark.parametrize("mode", ["iterative", "once"])
def test_an_empty_core_names_the_setting(mode: str) -> None:
    with pytest.raises(InputError, match=rf"7 interactions .* minimum 9, mode {mode}"):
        p_core(frame(CASCADE), 9, mode)  # type: ignore[arg-type]


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvwxyz")), min_size=1),
    st.integers(1, 4),
)
def test_the_iterative_core_is_the_largest_that_satisfies_the_minimum(
    drawn: list[tuple[str, str]], minimum: int
) -> None:
    rows = np.array(drawn)
    while len(rows):
        enough = [
            min((rows[:, 0] == session).sum(), (rows[:, 1] == item).sum()) >= minimum
            for session, item in rows
        ]
        if all(enough):
            break
        rows = rows[enough]
    if len(rows):
        assert pairs_of(p_core(frame(drawn), minimum, "iterative")[0]) == list(map(tuple, rows))
    else:
        with pytest.raises(InputError):
            p_core(frame(drawn), minimum, "iterative")
