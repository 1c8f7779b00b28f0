"""Tables and files between jobs: checked when written, and never half-written."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmseqrec.arrays import read_array
from llmseqrec.contracts import (
    INTERACTIONS,
    ITEMS,
    RECOMMENDATIONS,
    SESSIONS,
    TableContract,
    atomic_path,
    read_json,
    read_table,
    write_json,
    write_table,
    write_text,
)
from llmseqrec.errors import FileError, InputError


def interactions(**changes: list) -> pd.DataFrame:
    columns = {"session_id": [0, 0, 1], "position": [0, 1, 0], "item_id": [4, 5, 4]}
    return pd.DataFrame(columns | changes).astype("int32")


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_table_comes_back_with_the_types_of_its_contract(tmp_path: Path) -> None:
    path = tmp_path / "new" / "interactions.parquet"
    frame = interactions().assign(timestamp=np.array([5, 5, 9], dtype=np.int64))
    write_table(frame, path, INTERACTIONS)
    pd.testing.assert_frame_equal(read_table(path, INTERACTIONS), frame)
    assert pq.read_schema(path).field("timestamp").type == pa.int64()


def test_wider_integers_are_narrowed_and_never_wrapped(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    write_table(interactions().astype("int64"), path, INTERACTIONS)
    assert read_table(path, INTERACTIONS)["item_id"].dtype == np.int32
    with pytest.raises((pa.ArrowInvalid, OverflowError)):
        write_table(interactions().astype("int64") + 2**40, tmp_path / "y.parquet", INTERACTIONS)
    assert files_in(tmp_path) == ["x.parquet"]


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (interactions().drop(columns="item_id"), "missing columns"),
        (interactions().assign(price=1.0), "extra columns"),
        (interactions(position=[0, 0, 0]), "repeated key"),
        (interactions(session_id=[1, 1, 0]), "do not ascend"),
        (interactions(position=[1, 0, 0]), "do not ascend"),
    ],
)
def test_a_broken_contract_writes_nothing(
    frame: pd.DataFrame, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=problem):
        write_table(frame, tmp_path / "interactions.parquet", INTERACTIONS)
    assert files_in(tmp_path) == []


def test_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    frame = pd.DataFrame({"session_id": range(3), "source_id": list("cab")})
    write_table(frame, tmp_path / "a.parquet", SESSIONS)
    frame.index = pd.Index([7, 8, 9], name="other")
    frame["source_id"] = frame["source_id"].astype(object)
    write_table(frame, tmp_path / "b.parquet", SESSIONS)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


@pytest.mark.parametrize("columns", [None, ["item_id"]])
def test_reading_another_table_names_file_and_columns(
    columns: list[str] | None, tmp_path: Path
) -> None:
    path = tmp_path / "sessions.parquet"
    write_table(pd.DataFrame({"session_id": [0], "source_id": ["a"]}), path, SESSIONS)
    with pytest.raises(InputError, match=r"sessions\.parquet: lacks the columns .*item_id"):
        read_table(path, ITEMS, columns)


def test_only_the_asked_columns_are_read(tmp_path: Path) -> None:
    write_table(interactions(), tmp_path / "i.parquet", INTERACTIONS)
    assert list(read_table(tmp_path / "i.parquet", INTERACTIONS, ["item_id"])) == ["item_id"]


def test_empty_tables_are_tables(tmp_path: Path) -> None:
    frame = pd.DataFrame({name: [] for name in ("session_id", "rank", "item_id", "score")})
    write_table(frame, tmp_path / "r.parquet", RECOMMENDATIONS)
    assert len(read_table(tmp_path / "r.parquet", RECOMMENDATIONS)) == 0


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "notes.txt"
    write_text("old", target)
    with pytest.raises(UnicodeEncodeError):
        write_text("half of the n" + "\ud800", target)
    assert target.read_text() == "old"
    assert files_in(tmp_path) == ["notes.txt"]


def test_the_target_appears_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "a" / "notes.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("new")
        assert not target.exists()
        assert temporary.parent == target.parent  # a rename within one file system
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == (tmp_path / "a").stat().st_mode & 0o666


def test_a_changed_value_of_json_is_told(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_json({"ndcg": np.float32(0.1), "hr": 0.25, "seeds": [1, 2]}, path)
    assert read_json(path) == {"ndcg": 0.1, "hr": 0.25, "seeds": [1, 2]}
    path.write_text(path.read_text().replace("0.25", "0.35"))
    with pytest.raises(FileError, match=r"metrics.json: damaged or edited.*; delete it and run"):
        read_json(path)


def test_json_that_was_laid_out_anew_or_never_had_a_checksum_is_read(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_json({"b": [0.1, None], "a": "x"}, path)
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert read_json(path) == {"b": [0.1, None], "a": "x"}
    path.write_text('{"a": 1}')
    assert read_json(path) == {"a": 1}


def test_json_does_not_depend_on_the_order_of_keys(tmp_path: Path) -> None:
    write_json({"b": np.float64(0.5), "a": {"d": 1, "c": [np.int32(2)]}}, tmp_path / "1.json")
    write_json({"a": {"c": [2], "d": 1}, "b": 0.5}, tmp_path / "2.json")
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()
    assert read_json(tmp_path / "1.json") == {"a": {"c": [2], "d": 1}, "b": 0.5}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=8))
def test_order_is_that_of_tuples(rows: list[tuple[int, int]]) -> None:
    contract = TableContract({"a": pa.int32(), "b": pa.int32()}, sorted_by=("a", "b"))
    frame = pd.DataFrame(rows, columns=["a", "b"], dtype="int32")
    if rows == sorted(rows):
        contract.check_rows(frame)
    else:
        with pytest.raises(ValueError, match="ascend"):
            contract.check_rows(frame)


def test_files_that_are_damaged_are_named_in_one_line(tmp_path: Path) -> None:
    broken = [
        (read_json, b'{"a": ', "not valid JSON"),
        (read_json, b'"\xff"', "not valid JSON"),
        (lambda path: read_table(path, SESSIONS), b"PAR1", "not a sound parquet file"),
        (read_array, b"\x93NUMPY\x01\x00", "not a sound .npy file"),
        (read_array, b"\x80\x04]\x94.", "not a sound .npy file"),  # a pickle
        (read_array, b"", "not a sound .npy file"),
    ]
    for read, content, reason in broken:
        path = tmp_path / "damaged"
        path.write_bytes(content)
        with pytest.raises(InputError, match=f"damaged: {reason}") as caught:
            read(path)
        assert "\n" not in str(caught.value)
        path.unlink()
        with pytest.raises(InputError, match="damaged: no such file"):
            read(path)


def test_a_column_of_another_type_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sessions.parquet"
    pd.DataFrame({"session_id": ["0"], "source_id": ["u"]}).to_parquet(path)
    with pytest.raises(InputError, match=r"sessions\.parquet: session_id is .*, not int32"):
        read_table(path, SESSIONS)


def test_arrays_of_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "objects.npy"
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"objects\.npy: not a sound"):
        read_array(path)
