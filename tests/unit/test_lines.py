"""Opening raw files, plain and compressed."""

import gzip
import zipfile
from pathlib import Path
from typing import Any

import pytest

from llmseqrec.data.lines import LONGEST_LINE, MOST_UNPACKED, read_blocks, read_lines
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


@pytest.mark.parametrize("reader", [read_blocks, read_lines])
@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_a_file_that_unpacks_without_end_is_refused(tmp_path: Path, kind: str, reader: Any) -> None:
    path = tmp_path / "bomb"
    lines = b"a line of a bomb\n" * (80 << 16)  # 85 MiB, 1,000 times what it packs to
    if kind == "gz":
        path.write_bytes(gzip.compress(lines, 6))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("bomb", lines)
    with pytest.raises(InputError, match=rf"bomb: unpacks to more than {MOST_UNPACKED} times"):
        for _ in reader(RawSource(path)):
            pass


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(b"short\n" + b"x" * 2 * LONGEST_LINE + b"\n")
    for reader in (read_lines, read_blocks):
        with pytest.raises(InputError, match=r"long:2: a line of more than 16 MiB"):
            list(reader(RawSource(path)))
    path.write_bytes(b"x" * (LONGEST_LINE - 1) + b"\n")
    assert sum(len(line) for _, line in read_lines(RawSource(path))) == LONGEST_LINE


def test_a_method_of_packing_that_is_unknown_is_named(tmp_path: Path) -> None:
    path = tmp_path / "odd.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("member", b"content")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 10] = 99  # the method, in the directory
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"odd\.zip: cannot be unpacked"):
        list(read_lines(RawSource(path)))
