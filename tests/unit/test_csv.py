"""CSV and parquet datasets with their own column names."""

import gzip
from pathlib import Path

import pandas as pd
import pytest

from llmseqrec.config import Columns, Dataset, LeaveOneOut
from llmseqrec.data import csv
from llmseqrec.data.core import p_core
from llmseqrec.data.raw import RawData
from llmseqrec.errors import InputError


def read(files: dict[str, Path], columns: Columns | None = None, **settings: object) -> RawData:
    splits = {"last": LeaveOneOut()}
    dataset = Dataset(display="Own", format="csv", splits=splits, columns=columns, **settings)  # type: ignore[arg-type]
    return csv.read(dataset, files)


def read_text(
    folder: Path, text: str, columns: Columns | None = None, **settings: object
) -> RawData:
    path = folder / "interactions.csv"
    path.write_text(text, encoding="utf-8")
    return read({"interactions": path}, columns, **settings)


def listed(raw: RawData) -> dict[str, list[object]]:
    return raw.interactions.astype({"session": str, "item": str}).to_dict("list")


PLAIN = "session_id,item_id,timestamp\ns2,007,20\ns1,b,10\n s1 , a ,30\n"


def test_the_default_names_and_integer_seconds(tmp_path: Path) -> None:
    raw = read_text(tmp_path, PLAIN)
    assert listed(raw) == {
        "session": ["s2", "s1", "s1"],
        "item": ["007", "b", "a"],
        "timestamp": [20, 10, 30],
    }
    assert sorted(raw.items["item"]) == ["007", "a", "b"]
    assert set(raw.items["title"]) == {""}
    assert raw.report.lines == {"interactions": 3}


def test_gzip_is_told_by_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "interactions.csv"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + PLAIN.encode()))
    assert listed(read({"interactions": path})) == listed(read_text(tmp_path, PLAIN))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1.9", 1),
        ("-1", -1),
        ("1970-01-02", 86400),
        ("1970-01-01 00:01:00.5", 60),
        ("1970-01-01T02:00:00+02:00", 0),
        ("1970-01-01T00:00:05Z", 5),
    ],
)
def test_times_are_seconds_or_iso_dates(tmp_path: Path, text: str, seconds: int) -> None:
    raw = read_text(tmp_path, f"session_id,item_id,timestamp\na,b,{text}\n")
    assert listed(raw)["timestamp"] == [seconds]


def test_an_order_fills_missing_times_from_the_neighbours(tmp_path: Path) -> None:
    text = (
        "session_id,item_id,timestamp,rank\na,x,,0\na,y,50,2\nb,x,7,0\na,z,,3\na,w,40,1\nb,y,,1\n"
    )
    raw = read_text(tmp_path, text, Columns(order="rank"))
    assert listed(raw)["timestamp"] == [40, 50, 7, 50, 40, 7]
    assert listed(raw)["order"] == [0, 2, 0, 3, 1, 1]
    assert raw.report.counts["timestamps_filled"] == 3


def test_an_order_alone_is_enough(tmp_path: Path) -> None:
    columns = Columns(timestamp=None, order="rank")
    raw = read_text(tmp_path, "session_id,item_id,rank\na,x,1\na,y,0\n", columns)
    assert list(raw.interactions.columns) == ["session", "item", "order"]


def test_ratings_and_texts(tmp_path: Path) -> None:
    columns = Columns(rating="stars", text="review")
    text = (
        'session_id,item_id,timestamp,stars,review\na,x,1,4.5,"two\nlines, ""quoted"""\na,y,2,,\n'
    )
    raw = read_text(tmp_path, text, columns, keep_text=True)
    assert listed(raw)["text"] == ['two\nlines, "quoted"', ""]
    assert raw.interactions["rating"].fillna(-1).tolist() == [4.5, -1]
    assert "text" not in read_text(tmp_path, text, columns).interactions


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,x", "2 fields instead of 3"),
        ("a,x,1,2", "4 fields instead of 3"),
        (",x,1", "no session id"),
        ("a, ,1", "no item id"),
        ("a,x,", "no time"),
        ("a,x,soon", "the time is neither seconds nor an ISO date"),
    ],
)
def test_a_malformed_row_is_reported_with_its_line(tmp_path: Path, row: str, reason: str) -> None:
    text = PLAIN + row + "\n" + "s3,c,40\n"
    raw = read_text(tmp_path, text, malformed_share=0.5)
    assert listed(raw)["session"] == ["s2", "s1", "s1", "s3"]
    assert raw.report.malformed == [f"{tmp_path / 'interactions.csv'}:5: {reason}"]
    with pytest.raises(
        InputError, match=rf"interactions.csv:5: {reason}; 1 of 5 .*malformed_share"
    ):
        read_text(tmp_path, text)


def test_a_missing_column_is_named_with_those_found(tmp_path: Path) -> None:
    message = r"interactions.csv: lacks the column 'user'; it has session_id, item_id, timestamp"
    with pytest.raises(InputError, match=message):
        read_text(tmp_path, PLAIN, Columns(session="user"))


def test_neither_time_nor_order_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="columns: name a timestamp column, an order column"):
        read_text(tmp_path, PLAIN, Columns(timestamp=None))


def test_titles_and_categories_inside_the_interactions(tmp_path: Path) -> None:
    columns = Columns(title="name", category="kind", list_separator=";")
    text = "session_id,item_id,timestamp,name,kind\na,x,1,,B;A\nb,x,2,Cup,C\nb,y,3,Jar,\n"
    raw = read_text(tmp_path, text, columns)
    assert raw.items.astype(object).where(raw.items.notna(), None).to_dict("list") == {
        "item": ["x", "y"],
        "title": ["Cup", "Jar"],
        "categories": [["B", "A"], []],
        "class": ["A_B", None],
    }
    assert list(raw.interactions.columns) == ["session", "item", "timestamp"]


def items_file(folder: Path, text: str) -> dict[str, Path]:
    (folder / "interactions.csv").write_text(PLAIN, encoding="utf-8")
    (folder / "items.csv").write_text(text, encoding="utf-8")
    return {"interactions": folder / "interactions.csv", "items": folder / "items.csv"}


def test_a_separate_items_file(tmp_path: Path) -> None:
    files = items_file(tmp_path, "sku,name,kind\na,Apple,Fruit|Red\n007,Bond,\nunused,Nail,Tool\n")
    raw = read(files, Columns(title="name", category="kind", item_key="sku"))
    titles = dict(zip(raw.items["item"], raw.items["title"], strict=True))
    assert titles == {"a": "Apple", "007": "Bond", "unused": "Nail", "b": ""}
    assert raw.items["categories"].tolist() == [["Fruit", "Red"], [], ["Tool"], []]
    assert raw.report.counts == {"items_without_metadata": 1}


def test_an_item_with_two_rows_is_refused(tmp_path: Path) -> None:
    files = items_file(tmp_path, "item_id,name\na,Apple\nb,Bean\na,Apple\n")
    with pytest.raises(InputError, match=r"items.csv:4: item 'a' has a row already"):
        read(files, Columns(title="name"))


def test_parquet_gives_the_same_as_csv(tmp_path: Path) -> None:
    rows = {
        "session_id": [1, 2, 2],
        "item_id": ["x", "y", "x"],
        "timestamp": pd.to_datetime(["1970-01-02", "1970-01-01", "1970-01-03"]),
        "kind": [["A", "B"], ["C"], None],
    }
    path = tmp_path / "interactions.parquet"
    pd.DataFrame(rows).to_parquet(path)
    raw = read({"interactions": path}, Columns(category="kind"))
    assert listed(raw) == {
        "session": ["1", "2", "2"],
        "item": ["x", "y", "x"],
        "timestamp": [86400, 0, 172800],
    }
    assert raw.items["categories"].tolist() == [["A", "B"], ["C"]]


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "interactions.parquet"
    path.write_bytes(b"PAR1 and nothing more")
    with pytest.raises(InputError, match=r"interactions.parquet: not a csv or parquet file"):
        read({"interactions": path})
    with pytest.raises(InputError, match=r"interactions.csv: lacks the column 'session_id'"):
        read_text(tmp_path, "")
    with pytest.raises(InputError, match=r"interactions.csv: the file is empty"):
        read_text(tmp_path, "session_id,item_id,timestamp\n")


def test_real_movielens_with_times_missing(real_data: Path) -> None:
    columns = Columns(session="user_id", item="movie_id", order="chrono_rank", rating="rating")
    raw = read({"interactions": real_data / "movielens_1m" / "interactions.csv.gz"}, columns)
    assert len(raw.interactions) == 1_000_209
    assert raw.report.counts == {"timestamps_filled": 14_059}
    core, _ = p_core(raw.interactions, 5, "once")
    assert (len(core), core["item"].nunique()) == (999_611, 3_416)
    by_rank = core.sort_values(["session", "order"])
    same = by_rank["session"].cat.codes.diff() == 0
    assert (by_rank["timestamp"].diff()[same] >= 0).all()


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("order", "9007199254740993", r"the order is not an integer below 2 \*\* 53"),
        ("order", "1e300", r"the order is not an integer below"),
        ("rating", "1e300", r"the rating is not a number in single precision"),
    ],
)
def test_a_number_that_would_change_is_malformed(
    tmp_path: Path, column: str, value: str, reason: str
) -> None:
    text = f"session_id,item_id,timestamp,{column}\nu,i,1,{value}\n"
    with pytest.raises(InputError, match=rf"interactions\.csv:2: {reason}"):
        read_text(tmp_path, text, Columns(**{column: column}))
