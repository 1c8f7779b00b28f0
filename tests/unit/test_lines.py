"""Opening raw files, plain and compressed."""

import gzip
import zipfile
from pathlib import Path

import pytest

from llmseqrec.data.lines import read_blocks, read_lines
from llmseqrec.data.raw import RawSource
from llmseqrec.errors import InputError

CONTENT = b"".join(b"line %d\n" % number for number in range(1000))


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
def test_blocks_hold_whole_lines(tmp_path: Path, size: int) -> None:
    path = tmp_path / "plain"
    path.write_bytes(CONTENT + b"no line feed at the end")
    blocks = list(read_blocks(RawSource(path), size))
    assert all(block.endswith(b"\n") for block in blocks)
    assert b"".join(blocks) == CONTENT + b"no line feed at the end\n"


def test_lines_are_numbered_and_blank_ones_skipped(tmp_path: Path) -> None:
    path = tmp_path / "plain"
    path.write_bytes(b"a\n\n \r\nb")
    assert list(read_lines(RawSource(path))) == [(1, b"a\n"), (4, b"b")]


def test_compression_is_told_by_the_first_bytes(tmp_path: Path) -> None:
    packed, archive = tmp_path / "packed.json", tmp_path / "archive.gz"
    packed.write_bytes(gzip.compress(CONTENT))
    with zipfile.ZipFile(archive, "w") as stream:
        stream.writestr("folder/member", CONTENT)
    for source in (RawSource(packed), RawSource(archive), RawSource(archive, "folder/member")):
        assert b"".join(read_blocks(source)) == CONTENT


@pytest.mark.parametrize("kept", [5, 100, -1])
def test_a_truncated_gzip_file_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "cut.json.gz"
    path.write_bytes(gzip.compress(CONTENT)[:kept])
    with pytest.raises(InputError, match=r"cut.json.gz: compressed data are damaged or cut short"):
        list(read_blocks(RawSource(path)))


def test_files_that_cannot_be_opened_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent: No such file"):
        list(read_lines(RawSource(tmp_path / "absent")))
    (tmp_path / "plain").write_bytes(CONTENT)
    with pytest.raises(InputError, match=r"plain: not a zip archive"):
        list(read_lines(RawSource(tmp_path / "plain", "member")))
