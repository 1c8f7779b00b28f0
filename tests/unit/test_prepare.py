"""Raw tables to prepared ones: ids, order, item fields, and the hash of the data."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseqrec.config import Dataset
from llmseqrec.contracts import INTERACTIONS, ITEMS, REVIEWS, SESSIONS, read_json, read_table
from llmseqrec.data.prepare import Prepared, prepare, prepare_sessions
from llmseqrec.data.raw import RawData, ReadReport
from llmseqrec.errors import InputError

Rows = list[tuple[str, str, int]]
ROWS: Rows = [("u", "a", 3), ("u", "b", 1), ("v", "b", 2), ("v", "a", 2), ("v", "c", 9)]


def dataset(**options: Any) -> Dataset:
    return Dataset(
        display="Test", format="csv", splits={}, **({"core": {"mode": "none"}} | options)
    )


def raw_of(rows: Rows, items: pd.DataFrame | None = None, **columns: Any) -> RawData:
    frame = pd.DataFrame(rows, columns=["session", "item", "timestamp"]).assign(**columns)
    frame = frame.astype({"session": "category", "item": "category", "timestamp": "int64"})
    if items is None:
        names = sorted({item for _, item, _ in rows})
        items = pd.DataFrame({"item": names, "title": [f"title {name}" for name in names]})
    return RawData(frame, items, ReadReport({"interactions": len(rows)}, [], 0, {}))


def sequences(made: Prepared) -> dict[str, list[str]]:
    """Source ids of the items of each session, in order."""
    keys = made.items["source_id"].to_numpy()
    groups = made.interactions.groupby("session_id")["item_id"]
    return {
        made.sessions["source_id"][key]: [str(keys[item]) for item in items]
        for key, items in groups
    }


def test_sessions_are_in_time_order_with_positions_from_zero() -> None:
    made = prepare(raw_of(ROWS), dataset())
    found = sequences(made)
    assert found["u"] == ["b", "a"]
    assert found["v"][2] == "c"
    assert sorted(found["v"][:2]) == ["a", "b"]
    for _, rows in made.interactions.groupby("session_id"):
        assert rows["position"].tolist() == list(range(len(rows)))
        assert rows["timestamp"].is_monotonic_increasing


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from("uvwx"), st.sampled_from("abcdef"), st.integers(0, 3)),
        min_size=1,
        max_size=25,
        unique_by=lambda row: row[:2],
    ),
    st.integers(0, 1000),
)
def test_prepared_tables_do_not_depend_on_the_order_of_the_file(rows: Rows, seed: int) -> None:
    shuffled = [rows[n] for n in np.random.default_rng(seed).permutation(len(rows))]
    first, second = prepare(raw_of(rows), dataset()), prepare(raw_of(shuffled), dataset())
    for name in ("items", "sessions", "interactions"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name))
    assert first.report["data_hash"] == second.report["data_hash"]


def test_file_order_of_ties_is_kept_where_it_is_asked_for() -> None:
    tied = [("u", item, 5) for item in "dbca"]
    assert sequences(prepare(raw_of(tied), dataset(ties="file")))["u"] == list("dbca")
    assert sequences(prepare(raw_of(tied), dataset(ties="asin")))["u"] == list("abcd")


def test_a_given_order_beats_the_times() -> None:
    made = prepare(raw_of(ROWS, order=[0, 1, 2, 1, 0]), dataset())
    assert sequences(made) == {"u": ["a", "b"], "v": ["c", "a", "b"]}


def test_ratings_and_texts_stay_with_their_interaction() -> None:
    ratings = np.array([1, 2, 3, 4, 5], dtype=np.float32)
    raw = raw_of(ROWS, rating=ratings, text=list("12345"))
    made = prepare(raw, dataset(keep_text=True))
    keys = made.items["source_id"].to_numpy()
    users = made.sessions["source_id"].to_numpy()
    expected = {(s, i): r for (s, i, _), r in zip(ROWS, ratings, strict=True)}
    for row in made.interactions.itertuples():
        assert expected[users[row.session_id], keys[row.item_id]] == row.rating
    places = made.interactions[["session_id", "position"]]
    pd.testing.assert_frame_equal(made.reviews[["session_id", "position"]], places)
    assert (made.reviews["text"].astype(float) == made.interactions["rating"]).all()


def test_the_hash_tells_order_keys_and_times_apart() -> None:
    base = prepare(raw_of(ROWS), dataset()).report["data_hash"]
    later = [(s, i, t + 1) for s, i, t in ROWS]
    renamed = [(s.upper(), i, t) for s, i, t in ROWS]
    hashes = {
        prepare(raw_of(rows), dataset()).report["data_hash"]
        for rows in (later, renamed, ROWS[:-1], [*ROWS, ROWS[0]])
    }
    assert len(hashes | {base}) == 5


def test_repeated_pairs_stay_unless_they_are_to_go() -> None:
    twice = [*ROWS, ("u", "a", 7)]
    assert sequences(prepare(raw_of(twice), dataset()))["u"] == ["b", "a", "a"]
    made = prepare(raw_of(twice), dataset(deduplicate=True))
    assert sequences(made)["u"] == ["b", "a"]
    assert made.report["raw_interactions"] - made.report["interactions_before_core"] == 1


def test_items_out_of_the_core_are_not_in_the_catalogue() -> None:
    made = prepare(raw_of(ROWS), dataset(core={"minimum": 2}))
    assert sorted(made.items["source_id"]) == ["a", "b"]
    assert made.items["title"].tolist() == [f"title {key}" for key in made.items["source_id"]]


def test_nothing_left_after_the_core_is_told_with_its_setting() -> None:
    with pytest.raises(InputError, match=r"none of 5 interactions is left at minimum 9.*lower"):
        prepare(raw_of(ROWS), dataset(core={"minimum": 9}))


def test_an_item_described_twice_is_refused_by_name() -> None:
    items = pd.DataFrame({"item": list("abca"), "title": list("abcx")})
    with pytest.raises(InputError, match="item 'a' is described twice"):
        prepare(raw_of(ROWS, items), dataset())


def test_items_without_description_have_empty_fields() -> None:
    items = pd.DataFrame(
        {"item": ["a"], "title": ["A"], "categories": [["x", "y"]], "class": ["x"]}
    )
    made = prepare(raw_of(ROWS, items), dataset())
    fields = made.items.set_index("source_id")
    assert fields.loc["a", "categories"] == ["x", "y"]
    assert (fields.loc["b", "title"], fields.loc["b", "categories"]) == ("", [])
    assert made.report["untitled_items"] == 2


def test_written_tables_keep_their_contracts_and_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        prepare(raw_of(ROWS), dataset()).write(tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    assert len(read_table(tmp_path / "a" / "items.parquet", ITEMS)) == 3
    assert len(read_table(tmp_path / "a" / "sessions.parquet", SESSIONS)) == 2
    assert len(read_table(tmp_path / "a" / "interactions.parquet", INTERACTIONS)) == 5
    assert len(read_table(tmp_path / "a" / "reviews.parquet", REVIEWS)) == 0
    assert read_json(tmp_path / "a" / "preparation.json")["interactions"] == 5


def test_a_missing_raw_file_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    files = {"interactions": tmp_path / "absent.csv"}
    with pytest.raises(
        InputError, match=r"absent\.csv: no such file \(raw\.interactions of Test\)"
    ):
        prepare_sessions(dataset(), files, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("user,item_id,timestamp\n", r"rows\.csv: lacks the column 'session_id'"),
        ("session_id,item_id,timestamp\n", r"rows\.csv: the file is empty"),
        ("session_id,item_id,timestamp\nu,a,soon\n", r"rows\.csv:2: the time is neither"),
        ("session_id,item_id,timestamp\nu,a,1\n", "core: none of 1 interactions is left"),
    ],
)
def test_bad_rows_are_told_with_file_and_line(content: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(content)
    options = dataset(core={"minimum": 5})
    with pytest.raises(InputError, match=reason):
        prepare_sessions(options, {"interactions": path}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_item_file_with_a_repeated_key_is_refused_by_line(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("session_id,item_id,timestamp\nu,a,1\nu,b,2\n")
    (tmp_path / "items.csv").write_text("item_id,title\na,A\nb,B\na,C\n")
    files = {"interactions": tmp_path / "rows.csv", "items": tmp_path / "items.csv"}
    options = dataset(columns={"title": "title"})
    with pytest.raises(InputError, match=r"items\.csv:4: item 'a' has a row already"):
        prepare_sessions(options, files, tmp_path / "out")
