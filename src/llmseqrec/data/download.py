"""Download one raw file: resumed, retried, checked, and moved into place only when it is right.

The bytes arrive in ``<file>.part`` beside the target and ``<file>.part.json`` holds the server's
validator (ETag or Last-Modified), so that a later call, also one after a kill, asks for the rest
only. If the server's file has changed meanwhile, ``If-Range`` makes it send the whole file. Without
a validator a part could not be told from one of another version and is fetched from the start.

A file whose sha256 is wrong is moved to ``<file>.rejected``, where it can be looked at and is never
taken for the real one.
"""

from __future__ import annotations

import http.client
import logging
import shutil
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import tenacity
from filelock import FileLock

from llmseqrec.contracts import atomic_path, read_json, write_json
from llmseqrec.data.checksums import ChecksumError, verify_and_record
from llmseqrec.data.lines import refuse_bomb
from llmseqrec.data.progress import progress
from llmseqrec.errors import InputError
from llmseqrec.provenance import file_digest

logger = logging.getLogger(__name__)

CHUNK = 1 << 20
TIMEOUT = 60.0  # seconds without a byte
LONGEST_BACK_OFF = 60.0
LONGEST_RETRY_AFTER = 600.0
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Retries:
    """How often to try again after something that may pass.

    Attributes:
        count: Tries after the first one.
        wait: Called with the seconds to pause.
    """

    count: int = 5
    wait: Callable[[float], None] = time.sleep


DEFAULT_RETRIES = Retries()


def download(
    url: str,
    target: Path,
    checksums: Path,
    *,
    expected: str | None = None,
    member: str | None = None,
    retries: Retries = DEFAULT_RETRIES,
) -> str:
    """Make sure that ``target`` holds the file behind ``url``, with the sha256 known of it.

    A file that is already there is verified, not downloaded again.

    Args:
        url: Address, http or https.
        target: Where the file goes. With ``member`` the archive is kept beside it, under its own
            name, and ``target`` is written anew from it.
        checksums: The lock file, see `llmseqrec.data.checksums`.
        expected: A sha256 published by the source.
        member: The file of a zip archive to put at ``target``.
        retries: How often to try again.

    Returns:
        The sha256 of what was downloaded; for a member that of the archive.

    Raises:
        InputError: the server refuses the file, the tries are used up, a checksum differs, or the
            archive lacks the member.
    """
    archive = target if member is None else target.with_name(_file_name(url))
    if member is not None and archive == target:
        raise InputError(f"{target}: is the name of the archive itself; name the target otherwise")
    archive.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(archive.with_name(f".{archive.name}.lock")):
        part = _Part(url, archive)
        if not archive.exists():
            _fetch(part, retries)
        digest = _verify(part, archive, checksums, expected)
        if member is not None:
            _extract(archive, member, target)
    return digest


class _TransientError(Exception):
    """Something that may pass; ``retry_after`` holds the seconds the server asked for, if any."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class _Part:
    """What has arrived so far, and the validator of the version it belongs to."""

    def __init__(self, url: str, target: Path) -> None:
        self.url = url
        self.path = target.with_name(f"{target.name}.part")
        self._sidecar = target.with_name(f"{target.name}.part.json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def headers(self) -> dict[str, str]:
        """The request headers that ask for the rest, or for all of it."""
        if not self.size or not self._sidecar.exists():
            return {}
        about = read_json(self._sidecar)
        if about["url"] != self.url:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": about["validator"]}

    def start(self, headers: Message) -> None:
        """Forget what was there; remember the validator of what comes, before its first byte."""
        self.forget()
        tag, modified = headers.get("ETag", ""), headers.get("Last-Modified", "")
        # If-Range takes no weak tag (RFC 9110, section 13.1.5).
        strong = "" if tag.startswith("W/") else tag
        if strong or modified:
            write_json({"url": self.url, "validator": strong or modified}, self._sidecar)

    def forget(self) -> None:
        """Remove the part and what is known of it."""
        self.path.unlink(missing_ok=True)
        self._sidecar.unlink(missing_ok=True)


def _verify(part: _Part, archive: Path, checksums: Path, expected: str | None) -> str:
    """Check what is at the archive's place, or has just arrived, and leave it there if it is right.

    The sha256 is taken of the file on disk, once, rather than while reading: parts of it may have
    come in an earlier process. A file put there by hand counts as the first download.
    """
    arrived = archive if archive.exists() else part.path
    digest = file_digest(arrived)
    try:
        verify_and_record(part.url, digest, checksums, expected)
    except ChecksumError as error:
        rejected = archive.with_name(f"{archive.name}.rejected")
        arrived.replace(rejected)
        part.forget()
        raise InputError(f"{error} (the file is kept as {rejected})") from error
    arrived.replace(archive)
    part.forget()
    return digest


def _fetch(part: _Part, retries: Retries) -> None:
    """Try until everything has arrived.

    Raises:
        InputError: the server refuses, or the tries are used up.
    """
    if urlsplit(part.url).scheme not in {"http", "https"}:
        raise InputError(f"{part.url}: not an http or https address")
    trying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(_TransientError),
        stop=tenacity.stop_after_attempt(retries.count + 1),
        wait=_pause,
        sleep=retries.wait,
        before_sleep=tenacity.before_sleep_log(logger, logging.WARNING),
        reraise=True,
    )
    try:
        trying(_try_once, part)
    except _TransientError as error:
        raise InputError(
            f"{part.url}: {error}, {retries.count + 1} times; run again to go on from "
            f"the {part.size:,} bytes kept in {part.path}"
        ) from error


def _pause(state: tenacity.RetryCallState) -> float:
    """Seconds before the next try: what the server asked for, else doubling from one."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _TransientError) and error.retry_after is not None:
        return min(error.retry_after, LONGEST_RETRY_AFTER)
    return float(min(2.0 ** (state.attempt_number - 1), LONGEST_BACK_OFF))


def _try_once(part: _Part) -> None:
    """One request for what is still missing; the part is complete when this returns.

    Raises:
        _TransientError: it is not; another try may help.
        InputError: the server refuses.
    """
    headers = {"User-Agent": "llmseqrec", "Accept-Encoding": "identity", **part.headers()}
    request = urllib.request.Request(part.url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            _receive(response, part)
    except urllib.error.HTTPError as error:
        with error:
            _judge_status(error, part)
    except (OSError, http.client.HTTPException) as error:
        raise _TransientError(f"connection failed ({error})") from error


def _receive(response: http.client.HTTPResponse, part: _Part) -> None:
    """Append the body to the part and check that it came whole."""
    if response.status == 206:
        if not (response.headers["Content-Range"] or "").startswith(f"bytes {part.size}-"):
            part.forget()
            raise _TransientError("the server sent another range than was asked for")
    else:  # all of it: a first request, a changed file, or a server that ignores Range
        part.start(response.headers)
    before = part.size
    length = response.headers["Content-Length"]
    total = before + int(length) if length and length.isdecimal() else None
    name = part.path.stem
    with part.path.open("ab") as stream, progress(name, before, total) as advance:
        while chunk := response.read1(CHUNK):
            stream.write(chunk)
            advance(len(chunk))
    if total is not None and part.size != total:
        raise _TransientError(f"{part.size:,} of {total:,} bytes came")


def _judge_status(error: urllib.error.HTTPError, part: _Part) -> None:
    """Return if the refusal means that everything is there already, else raise."""
    if error.code == 416:
        if part.size and error.headers["Content-Range"] == f"bytes */{part.size}":
            return
        part.forget()
        raise _TransientError("the server has fewer bytes than were kept; starting anew") from error
    if error.code in TRANSIENT:
        raise _TransientError(f"HTTP {error.code}", _retry_after(error.headers)) from error
    raise InputError(f"{part.url}: HTTP {error.code} {error.reason}; check the address") from error


def _retry_after(headers: Message) -> float | None:
    """Seconds, from a number or a date; None where the header is absent or unreadable."""
    value = headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value)
    try:
        return max((parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None


def _extract(archive: Path, member: str, target: Path) -> None:
    """Write one file of a zip archive."""
    try:
        with zipfile.ZipFile(archive) as packed:
            info = packed.getinfo(member)
            refuse_bomb(info.file_size, info.compress_size, archive)
            with (
                packed.open(info) as source,
                atomic_path(target) as temporary,
                temporary.open("wb") as stream,
            ):
                shutil.copyfileobj(source, stream, CHUNK)
    except KeyError as error:
        raise InputError(f"{archive}: holds no file named {member}; correct the member") from error
    except (zipfile.BadZipFile, EOFError, zlib.error, RuntimeError) as error:
        raise InputError(
            f"{archive}: not a sound zip archive ({error}); delete it and "
            "its line in the checksum lock file"
        ) from error


def _file_name(url: str) -> str:
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    return name if name.isprintable() and name not in ("", "..") else "download"
