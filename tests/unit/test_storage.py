"""What devices and half files answer with becomes one line that names the file."""

import errno
import os
from pathlib import Path

import pytest

from llmseqrec.contracts import atomic_folder, atomic_path, read_json
from llmseqrec.errors import FileError, InputError
from llmseqrec.storage import make_folder, reading, refusal, writing
from llmseqrec.whole_yaml import read_whole_yaml, write_yaml

REASONS = [
    (errno.ENOSPC, "no space left"),
    (errno.EDQUOT, "quota"),
    (errno.EACCES, "no permission"),
    (errno.EROFS, "read-only"),
]


def refuse(path: Path, code: int) -> None:
    """Write half a file, as far as the device takes it."""
    path.write_text("half")
    raise OSError(code, os.strerror(code))


@pytest.mark.parametrize(("code", "reason"), REASONS)
def test_a_refused_file_is_named_and_nothing_of_it_stays(
    tmp_path: Path, code: int, reason: str
) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(FileError, match=reason) as told, atomic_path(target) as temporary:
        refuse(temporary, code)
    assert str(told.value).startswith(f"{target}: cannot be written: ")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    assert target.read_text() == "old"


def test_a_refused_folder_is_named_and_the_old_one_stays(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    with pytest.raises(FileError, match="no space left"), atomic_folder(target) as temporary:
        refuse(temporary / "weights", errno.ENOSPC)
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_may_not_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_folder(tmp_path / "state" / "cache")
    make_folder(tmp_path / "state" / "cache")
    assert (tmp_path / "state" / "cache").is_dir()

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(FileError, match=r"state/jobs: cannot be written: the file system is read"):
        make_folder(tmp_path / "state" / "jobs")


def test_other_problems_of_a_writer_keep_their_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="contract"), writing(tmp_path / "a"):
        raise ValueError("contract broken")
    with pytest.raises(InputError, match="mine"), writing(tmp_path / "a"):
        raise InputError("mine")


def test_words_of_a_library_without_error_numbers_are_understood(tmp_path: Path) -> None:
    error = RuntimeError("I/O error: No space left on device (os error 28)")
    assert "no space left" in (refusal(error, tmp_path) or "")
    assert refusal(RuntimeError("shapes differ"), tmp_path) is None


def test_temporary_names_are_none_that_readers_look_for(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a.json") as temporary:
        assert temporary.exists()
        assert not list(tmp_path.glob("*.json"))
    assert [path.name for path in tmp_path.glob("*.json")] == ["a.json"]


@pytest.mark.parametrize("content", [b"", b'{"a": ', b"\xff" * 8])
def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "facts.json"
    path.write_bytes(content)
    with pytest.raises(FileError) as told:
        read_json(path, "ask for another")
    assert str(told.value).startswith(f"{path}: not valid JSON (")
    assert str(told.value).endswith("; ask for another")


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"gone\.json: no such file"):
        read_json(tmp_path / "gone.json")
    with pytest.raises(FileError, match="cannot be read"), reading(tmp_path / "a"):
        raise PermissionError(errno.EACCES, "no")


def test_half_of_a_yaml_file_is_no_yaml_file(tmp_path: Path) -> None:
    path = tmp_path / "best.yaml"
    write_yaml({"model": "sknn", "parameters": {"k": 5, "decay": "linear"}}, path)
    assert read_whole_yaml(path)["parameters"] == {"k": 5, "decay": "linear"}
    path.write_bytes(path.read_bytes().partition(b"  decay")[0])
    with pytest.raises(FileError, match="not a whole YAML file"):
        read_whole_yaml(path)
