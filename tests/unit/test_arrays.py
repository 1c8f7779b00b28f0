"""Arrays in files: what is read is what was written, or a line that says which file is damaged."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmseqrec.arrays import read_array, write_array
from llmseqrec.errors import FileError
from llmseqrec.tensors import read_tensors, write_tensors

ARRAYS = [
    np.arange(12).reshape(3, 4)[:, ::2],
    np.zeros((0, 3), dtype=np.float32),
    np.array(7.5),
    np.array([True, False]),
]


@pytest.mark.parametrize("array", ARRAYS, ids=str)
def test_arrays_come_back_whoever_reads_them(tmp_path: Path, array: np.ndarray) -> None:
    path = tmp_path / "a.npy"
    write_array(array, path)
    for found in (read_array(path), np.load(path)):
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype


def test_a_file_of_numpy_itself_is_taken_as_it_is(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(5))
    np.testing.assert_array_equal(read_array(tmp_path / "a.npy"), np.arange(5))


def test_equal_tensors_give_equal_bytes_and_keep_their_facts(tmp_path: Path) -> None:
    arrays = {"b": np.arange(3), "a": np.ones((2, 2), dtype=np.float32)}
    write_tensors(arrays, tmp_path / "one", {"kind": "x"})
    write_tensors(dict(reversed(arrays.items())), tmp_path / "two", {"kind": "x"})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    found, facts = read_tensors(tmp_path / "one")
    assert facts == {"kind": "x"}
    np.testing.assert_array_equal(found["b"], arrays["b"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(place=st.floats(0, 1, exclude_max=True), kind=st.sampled_from(["flip", "cut"]))
@pytest.mark.parametrize("name", ["a.npy", "a.safetensors"])
def test_damage_is_told_or_changes_nothing(
    tmp_path: Path, name: str, place: float, kind: str
) -> None:
    path, array = tmp_path / name, np.arange(100, dtype=np.int32)
    if name.endswith("npy"):
        write_array(array, path)
    else:
        write_tensors({"a": array}, path)
    content = bytearray(path.read_bytes())
    at = int(place * len(content))
    if kind == "flip":
        content[at] ^= 1
    else:
        del content[at:]
    path.write_bytes(content)
    try:
        found = read_array(path) if name.endswith("npy") else read_tensors(path)[0]["a"]
    except FileError as error:
        told = str(error)
        assert told.startswith(f"{path}: ")
        assert "\n" not in told
    else:
        np.testing.assert_array_equal(found, array)
