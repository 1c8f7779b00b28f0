"""Files that cannot be read or written, told in one line that names the file.

Libraries answer to a full disk or to half a file with errors of their own, most without its name.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from llmseqrec.errors import FileError, InputError

SOUND = "not a sound {} file"
AGAIN = "delete it and run again, so that it is made anew"
_FULL = "no space left on the device; free some and run again"
_FORBIDDEN = "no permission; give it and run again"
_READ_ONLY = "the file system is read-only; make it writable and run again"
_REASONS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: "the quota is used up; free some space and run again",
    errno.EFBIG: "it would pass the largest size that is allowed here",
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: _READ_ONLY,
    errno.EIO: "the device fails",
}
_LITTLE = 1 << 16  # bytes free, at which a writer's failure is put down to the disk


@contextmanager
def writing(target: Path | str) -> Iterator[None]:
    """Where the device refuses what the block writes, raise FileError naming `target`.

    Raises:
        FileError: the disk is full, or may not be written.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # torch, safetensors and tokenizers raise no OSError
        reason = refusal(error, Path(target).parent)
        if reason is None:
            raise
        raise FileError(f"{target}: cannot be written: {reason}") from error


@contextmanager
def reading(
    source: Path | str, damaged: str = "damaged or cut off", remedy: str = AGAIN
) -> Iterator[None]:
    """Where the block cannot read what `source` holds, raise FileError naming it.

    Args:
        source: the file.
        damaged: what it is then.
        remedy: what to do about a damaged one.

    Raises:
        FileError: the file is not there, may not be read, or is damaged.
    """
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError:
        raise FileError(f"{source}: no such file; run again, so that it is made") from None
    except Exception as error:  # each library has errors of its own for half a file
        code = error.errno if isinstance(error, OSError) else None
        if code is not None and code != errno.EINVAL:
            raise FileError(f"{source}: cannot be read: {os.strerror(code)}") from error
        raise FileError(f"{source}: {damaged} ({one_line(error)}); {remedy}") from error


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, unless it is there.

    Raises:
        FileError: it may not be written there, or the disk is full.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def one_line(error: Exception) -> str:
    """What an error says, in one short line."""
    return " ".join(str(error).split())[:300] or type(error).__name__


def refusal(error: Exception, folder: Path) -> str | None:
    """Why the device refused to write, or None where something else went wrong.

    Args:
        error: what the writer raised.
        folder: where it wrote.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return _REASONS.get(error.errno)
    if isinstance(error, ValueError | TypeError | LookupError):
        return None
    with suppress(OSError):
        if shutil.disk_usage(folder).free < _LITTLE:
            return _FULL
    return _FULL if "os error 28" in str(error) else None
