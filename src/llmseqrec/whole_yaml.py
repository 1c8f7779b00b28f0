"""YAML files that pass between jobs: half of one is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from llmseqrec.contracts import write_text
from llmseqrec.storage import reading
from llmseqrec.yaml_files import read_yaml


def write_yaml(content: Any, target: Path | str) -> None:
    """Write YAML in the order of its keys, with a mark at its end."""
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, explicit_end=True)
    write_text(text, target)


def read_whole_yaml(source: Path | str) -> dict[str, Any]:
    """Read what `write_yaml` wrote: half of it would be YAML as well, but for the mark.

    Raises:
        FileError: it is damaged.
    """
    with reading(source, "not a whole YAML file"):
        if not Path(source).read_bytes().endswith(b"...\n"):
            raise ValueError("no end")
    return read_yaml(Path(source))
