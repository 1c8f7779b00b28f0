"""Lines of raw files, plain or compressed."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from llmseqrec.data.raw import RawSource
from llmseqrec.errors import InputError

BLOCK = 1 << 18  # bytes; blocks of this size stay in the processor's cache


@contextmanager
def open_raw(source: RawSource) -> Iterator[IO[bytes]]:
    """Open a raw file for reading, decompressed if it is gzip or a zip archive.

    Raises:
        InputError: the file cannot be read, or its compressed data are damaged or cut short.
    """
    try:
        with open(source.path, "rb") as plain:
            magic = plain.read(4)
            plain.seek(0)
            with _decompressed(plain, magic, source) as stream:
                yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        reason = f"compressed data are damaged or cut short ({error})"
        raise InputError(f"{source}: {reason}; download it again") from None
    except OSError as error:
        raise InputError(f"{source}: {error.strerror or error}") from None


def read_lines(source: RawSource) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, from 1; blank lines are skipped."""
    with open_raw(source) as stream:
        for number, line in enumerate(stream, start=1):
            if not line.isspace():
                yield number, line


def read_blocks(source: RawSource, size: int = BLOCK) -> Iterator[bytes]:
    """Runs of whole lines of about `size` bytes; every line ends in a line feed."""
    with open_raw(source) as stream:
        while block := stream.read(size):
            block += stream.readline()
            yield block if block.endswith(b"\n") else block + b"\n"


def _decompressed(plain: IO[bytes], magic: bytes, source: RawSource) -> IO[bytes]:
    if magic.startswith(b"\x1f\x8b"):
        return gzip.open(plain, "rb")  # type: ignore[return-value]
    if magic.startswith(b"PK\x03\x04"):
        return _zip_member(plain, source)
    if source.member:
        raise InputError(f"{source.path}: not a zip archive; remove `member` or give the archive")
    return plain


def _zip_member(plain: IO[bytes], source: RawSource) -> IO[bytes]:
    archive = zipfile.ZipFile(plain)
    members = [name for name in archive.namelist() if not name.endswith("/")]
    member = source.member or (members[0] if len(members) == 1 else None)
    if member not in members:
        raise InputError(f"{source}: name one `member` of the archive: {', '.join(members)}")
    return archive.open(member)
