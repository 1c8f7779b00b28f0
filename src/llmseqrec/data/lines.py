"""Lines of raw files, plain or compressed.

What a file may ask of the memory is bounded: by the length of a line, and by how much compressed
data may unpack to. Reviews unpack to 3 to 20 times their size; gzip ends at about 1,000.
"""

from __future__ import annotations

import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from llmseqrec.data.raw import RawSource
from llmseqrec.errors import InputError

BLOCK = 1 << 18  # bytes; blocks of this size stay in the processor's cache
LONGEST_LINE = 16 << 20  # bytes
UNCHECKED = 64 << 20  # bytes that anything may unpack to
MOST_UNPACKED = 200  # times the compressed size, beyond that
_DAMAGED = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile)


@contextmanager
def open_raw(source: RawSource) -> Iterator[IO[bytes]]:
    """Open a raw file for reading, decompressed if it is gzip or a zip archive.

    Raises:
        InputError: the file cannot be read, its compressed data are damaged or cut short, or they
            unpack to more than `MOST_UNPACKED` times their size.
    """
    try:
        with open(source.path, "rb") as plain:
            magic = plain.read(4)
            plain.seek(0)
            with _decompressed(plain, magic, source) as stream:
                yield stream
    except _DAMAGED as error:
        reason = f"compressed data are damaged or cut short ({error})"
        raise InputError(f"{source}: {reason}; download it again") from None
    except OSError as error:
        raise InputError(f"{source}: {error.strerror or error}") from None


def read_lines(source: RawSource) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, from 1; blank lines are skipped.

    Raises:
        InputError: see `open_raw`; or a line is longer than `LONGEST_LINE`.
    """
    with open_raw(source) as stream:
        lines = iter(lambda: stream.readline(LONGEST_LINE + 1), b"")
        for number, line in enumerate(lines, start=1):
            if len(line) > LONGEST_LINE:
                raise _too_long(source, number)
            if not line.isspace():
                yield number, line


def read_blocks(source: RawSource, size: int = BLOCK) -> Iterator[bytes]:
    """Runs of whole lines of about `size` bytes; every line ends in a line feed.

    Raises:
        InputError: see `read_lines`.
    """
    lines = 0
    with open_raw(source) as stream:
        while block := stream.read(size):
            rest = stream.readline(LONGEST_LINE + 1)
            lines += block.count(b"\n")
            if len(rest) > LONGEST_LINE:
                raise _too_long(source, lines + 1)
            block += rest
            lines += rest.count(b"\n")
            yield block if block.endswith(b"\n") else block + b"\n"


def refuse_bomb(unpacked: int, packed: int, source: object) -> None:
    """Raise InputError where compressed data unpack to more than honest ones do.

    Args:
        unpacked: bytes.
        packed: bytes they come from.
        source: what messages call the file.
    """
    if unpacked > UNCHECKED and unpacked > MOST_UNPACKED * packed:
        raise InputError(
            f"{source}: unpacks to more than {MOST_UNPACKED} times its size; if it is honest, give"
            " it unpacked"
        )


class _Unpacked(io.RawIOBase):
    """A decompressed stream that stops where it unpacks to too much."""

    def __init__(self, stream: IO[bytes], packed: Callable[[], int], source: RawSource) -> None:
        self._stream, self._packed, self._source = stream, packed, source
        self._bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        found = self._stream.read(len(buffer))
        self._bytes += len(found)
        refuse_bomb(self._bytes, self._packed(), self._source)
        buffer[: len(found)] = found
        return len(found)


def _decompressed(plain: IO[bytes], magic: bytes, source: RawSource) -> IO[bytes]:
    if magic.startswith(b"\x1f\x8b"):
        stream: Any = gzip.GzipFile(fileobj=plain)
        unpacked = _Unpacked(stream, plain.tell, source)
        return io.BufferedReader(unpacked, BLOCK)
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
        raise InputError(f"{source}: name one `member` of the archive: {', '.join(members[:20])}")
    info = archive.getinfo(member)
    refuse_bomb(info.file_size, info.compress_size, source)  # no more than this is read of it
    try:
        return archive.open(member)
    except (NotImplementedError, RuntimeError) as error:  # another method, or a password
        raise InputError(f"{source}: cannot be unpacked: {error}") from None


def _too_long(source: RawSource, number: int) -> InputError:
    return InputError(f"{source}:{number}: a line of more than {LONGEST_LINE >> 20} MiB")
