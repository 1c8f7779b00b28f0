"""The ranges of config/spaces.yaml. Light to import, like the plan."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from llmseqrec.config import Range
from llmseqrec.config_base import first_problem
from llmseqrec.errors import InputError

Ranges = dict[str, Range]


def read_spaces(path: Path) -> dict[str, Ranges]:
    """The ranges of config/spaces.yaml.

    Raises:
        InputError: the file is absent, or a range of it is none; naming the key.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return TypeAdapter(dict[str, Ranges]).validate_python(content)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise InputError(f"{path}: {first_problem(error)}") from None
