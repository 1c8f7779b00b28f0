"""Whether the files of a fine-tuned model are those that were written: one bit changes answers."""

from __future__ import annotations

from pathlib import Path

from llmseqrec.contracts import read_json
from llmseqrec.errors import FileError
from llmseqrec.provenance import file_digest
from llmseqrec.storage import reading


def checksums(folder: Path) -> dict[str, str]:
    """sha256 of every file below a folder, by relative path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in files}


def check_model(folder: Path) -> None:
    """Hold the files of a model against `files` of its model.json.

    Raises:
        FileError: naming the one that is gone or damaged.
    """
    for name, expected in read_json(folder / "model.json").get("files", {}).items():
        path = folder / name
        with reading(path):
            found = file_digest(path)
        if found != expected:
            raise FileError(f"{path}: damaged (its checksum differs); delete {folder}, run again")
