"""The checksum lock file: the sha256 of every download, trusted at first use, verified ever after.

One ``sha256  url`` a line, sorted by address. Hashes enter it from files only,
never from elsewhere.
"""

from __future__ import annotations

import re
from pathlib import Path

from filelock import FileLock

from llmseqrec.contracts import write_text
from llmseqrec.errors import InputError

_LINE = re.compile(r"([0-9a-f]{64})  (\S+)")


class ChecksumError(InputError):
    """A file is not the one that was recorded."""


def read_checksums(lock: Path) -> dict[str, str]:
    """The sha256 by address; empty where the file does not exist.

    Raises:
        InputError: a line is not ``sha256  url``.
    """
    if not lock.exists():
        return {}
    known = {}
    text = lock.read_bytes().decode("utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise InputError(f"{lock}, line {number}: not 'sha256  url'; mend or delete the line")
        known[match[2]] = match[1]
    return known


def verify_and_record(url: str, digest: str, lock: Path, expected: str | None = None) -> None:
    """Compare a file's sha256 with what is known of its address; record it where nothing is.

    Safe to call from several processes at once.

    Args:
        url: Where the file came from.
        digest: The sha256 of the file.
        lock: The lock file, created where missing.
        expected: A sha256 published by the source, which counts beside the recorded one.

    Raises:
        ChecksumError: the digest is not the recorded or the expected one.
    """
    if expected is not None and digest != expected.lower():
        raise ChecksumError(
            f"{url}: sha256 is {digest}, expected {expected.lower()} by the configuration; "
            "download it again, or correct the expected hash if the source was changed on purpose"
        )
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock.with_name(f".{lock.name}.lock")):
        known = read_checksums(lock)
        recorded = known.setdefault(url, digest)
        if recorded != digest:
            raise ChecksumError(
                f"{url}: sha256 is {digest}, recorded in {lock} is {recorded}; "
                "download it again, or delete that line if the source was changed on purpose"
            )
        lines = [f"{sha256}  {address}\n" for address, sha256 in sorted(known.items())]
        write_text("".join(lines), lock)
