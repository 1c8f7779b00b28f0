"""Lists of other systems: formats, unknown keys, cuts and repeats."""

import gzip
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pytest

from llmseqrec.contracts import RECOMMENDATIONS, read_table, write_table
from llmseqrec.errors import InputError
from llmseqrec.evaluation.external import read_external
from llmseqrec.models.parameters import ExternalParameters

SESSIONS = pd.DataFrame({"session_id": range(3), "source_id": ["u2", "007", "u1"]})
ITEMS = pd.DataFrame({"item_id": range(4), "source_id": ["b", "12", "a", "c"]})
ROWS = pd.DataFrame(
    [("007", "a", 2, 0.5), ("007", "12", 1, 0.9), ("u1", "c", 1, 0.1)],
    columns=["session_id", "item_id", "rank", "score"],
)
LISTS = {0: [], 1: [1, 2], 2: [3]}  # what ROWS say, by our ids


def read(path: Path, **options: Any) -> tuple[dict[int, list[int]], dict[str, int], pd.DataFrame]:
    names = ExternalParameters(path=str(path), **options)
    table, counts = read_external(path, names, SESSIONS, ITEMS)
    lists = {key: table.loc[table["session_id"] == key, "item_id"].tolist() for key in range(3)}
    return lists, counts, table


def csv_of(folder: Path, rows: pd.DataFrame, name: str = "lists.csv") -> Path:
    rows.to_csv(folder / name, index=False)
    return folder / name


def test_every_format_gives_the_same_lists(tmp_path: Path) -> None:
    paths = [csv_of(tmp_path, ROWS), csv_of(tmp_path, ROWS, "lists.csv.gz")]
    ROWS.to_parquet(tmp_path / "lists.parquet")
    (tmp_path / "rows.json").write_bytes(orjson.dumps(ROWS.to_dict("records")))
    for path in [*paths, tmp_path / "lists.parquet", tmp_path / "rows.json"]:
        lists, counts, table = read(path, rank="rank", score="score")
        assert lists == LISTS
        assert table["rank"].tolist() == [1, 2, 1]
        assert table["score"].tolist() == pytest.approx([0.9, 0.5, 0.1])
        assert counts == {
            "rows": 3,
            "unknown_sessions": 0,
            "unknown_items": 0,
            "repeated_items": 0,
        }
    (tmp_path / "lists.json").write_bytes(orjson.dumps({"007": [12, "a"], "u1": ["c"]}))
    assert read(tmp_path / "lists.json")[0] == LISTS


def test_the_table_keeps_the_contract(tmp_path: Path) -> None:
    table = read(csv_of(tmp_path, ROWS), rank="rank")[2]
    write_table(table, tmp_path / "r.parquet", RECOMMENDATIONS)
    stored = read_table(tmp_path / "r.parquet", RECOMMENDATIONS)
    assert [str(kind) for kind in stored.dtypes] == ["int32", "int16", "int32", "float32"]


def test_without_a_rank_the_order_of_the_rows_counts(tmp_path: Path) -> None:
    path = csv_of(tmp_path, ROWS.drop(columns=["rank", "score"]))
    assert read(path)[0][1] == [2, 1]


def test_keys_stay_text(tmp_path: Path) -> None:
    # "007" must not become 7, nor the item 12 a number.
    assert read(csv_of(tmp_path, ROWS), rank="rank")[0][1] == [1, 2]


def test_columns_can_have_other_names(tmp_path: Path) -> None:
    names = {"session_id": "user", "item_id": "asin", "rank": "place", "score": "value"}
    path = csv_of(tmp_path, ROWS.rename(columns=names))
    options = {"session": "user", "item": "asin", "rank": "place", "score": "value"}
    assert read(path, **options)[0] == LISTS


def rows_of(*items: str) -> pd.DataFrame:
    return pd.DataFrame({"session_id": "u1", "item_id": items})


def test_unknown_and_repeated_items_are_counted_and_nothing_moves_up(tmp_path: Path) -> None:
    path = csv_of(tmp_path, rows_of("a", "zzz", "a", "b", "c"))
    lists, counts, table = read(path, length=4)
    assert table["rank"].tolist() == [1, 2, 4]  # so that a cut at 3 holds "a" and the unknown one
    assert table["item_id"].tolist()[1] > 3  # beyond the catalogue
    assert len(lists[2]) == 3
    assert (counts["unknown_items"], counts["repeated_items"]) == (1, 1)


def test_unknown_sessions_are_counted_and_left_out(tmp_path: Path) -> None:
    extra = pd.DataFrame({"session_id": ["u9", "u9", "u8"], "item_id": ["a", "b", "a"]})
    lists, counts, _ = read(csv_of(tmp_path, pd.concat([ROWS[["session_id", "item_id"]], extra])))
    assert counts["unknown_sessions"] == 2
    assert sum(map(len, lists.values())) == 3


def test_a_file_of_another_dataset_is_refused(tmp_path: Path) -> None:
    path = csv_of(tmp_path, pd.DataFrame({"session_id": ["x1", "x2"], "item_id": ["a", "b"]}))
    with pytest.raises(InputError, match=r"lists\.csv: none of its session keys .* 'x1'"):
        read(path)


@pytest.mark.parametrize(
    ("name", "content", "options", "reason"),
    [
        ("l.csv", "user,item_id\nu1,a\n", {}, r"l\.csv: no column 'session_id'; it has \['user'"),
        ("l.csv", "session_id,item_id\nu1,a\n", {"rank": "rank"}, r"l\.csv: no column 'rank'"),
        (
            "l.csv",
            "session_id,item_id,rank\nu1,a,first\n",
            {"rank": "rank"},
            r"l\.csv: column 'rank': 'first' in row 1 is no number",
        ),
        ("l.csv", "", {}, r"l\.csv: cannot be read: "),
        ("l.json", "{", {}, r"l\.json: cannot be read: "),
        ("l.json", "3", {}, r"l\.json: cannot be read: "),
        ("l.json", "[1, 2]", {}, r"l\.json: cannot be read: neither an object"),
        ("l.json", '{"u1": 5}', {}, r"l\.json: cannot be read: "),
        ("l.parquet", "PAR0", {}, r"l\.parquet: cannot be read: "),
    ],
)
def test_broken_files_are_told_in_one_line(
    name: str, content: str, options: dict[str, str], reason: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=reason) as caught:
        read(tmp_path / name, **options)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.csv: no such file"):
        read(tmp_path / "absent.csv")


def test_keys_that_look_like_nothing_are_kept(tmp_path: Path) -> None:
    keys = ["NA", "null", "None", "nan"]
    sessions = pd.DataFrame({"session_id": range(4), "source_id": keys})
    items = pd.DataFrame({"item_id": range(4), "source_id": keys})
    (tmp_path / "l.csv").write_text("session_id,item_id\n" + "".join(f"{k},{k}\n" for k in keys))
    table, counts = read_external(
        tmp_path / "l.csv", ExternalParameters(path="l.csv"), sessions, items
    )
    assert table["item_id"].tolist() == table["session_id"].tolist() == [0, 1, 2, 3]
    assert not counts["unknown_items"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("l.csv", b"session_id,item_id\nu1,a,c\n", "Expected 2 columns, got 3"),
        ("l.csv", b"session_id,item_id\nu1\n", "Expected 2 columns, got 1"),
        ("l.csv", b"session_id,item_id,item_id\nu1,a,b\n", "column 'item_id' twice"),
        ("l.csv", b"session_id,item_id\nu1,\xff\n", "invalid UTF8"),
        ("l.csv.gz", gzip.compress(b"session_id,item_id\nu1,a\n")[:-9], "cannot be read: "),
        ("l.json", b'{"u1": ["a"], "u1": ["c"]}', "the key 'u1' stands there twice"),
        ("l.json", b'{"u1": ["a", null]}', "session 'u1' has null among its items"),
        ("l.json", b'{"u1": ["a", ["c"]]}', "neither text nor a number"),
        ("l.json", b'[{"session_id": "u1", "item_id": 12}, {"session_id": "u1"}]', "row 2 has no"),
        ("l.json", b"[" * 100_000, "cannot be read: "),
    ],
)
def test_what_would_be_changed_silently_is_refused(
    name: str, content: bytes, reason: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{name}: .*{reason}") as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)
