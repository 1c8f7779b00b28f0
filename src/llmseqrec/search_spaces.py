"""The ranges of config/spaces.yaml. Light to import, like the plan."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from llmseqrec.config import Range
from llmseqrec.config_base import first_problem
from llmseqrec.errors import InputError
from llmseqrec.yaml_files import read_yaml

Ranges = dict[str, Range]


def read_spaces(path: Path) -> dict[str, Ranges]:
    """The ranges of config/spaces.yaml.

    Raises:
        InputError: the file is absent, or a range of it is none; naming the key.
    """
    try:
        return TypeAdapter(dict[str, Ranges]).validate_python(read_yaml(path))
    except ValidationError as error:
        raise InputError(f"{path}: {first_problem(error)}") from None
