"""What all sections of the configuration share; to be imported from `llmseqrec.config`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from llmseqrec.errors import shown


def _inside(name: str) -> str:
    """The name of a file that lies in its folder, or below it."""
    parts = name.split("/")
    if not name.isprintable() or any(not 0 < len(part) <= 150 for part in parts):
        raise ValueError(f"{shown(name)} is no name of a file")
    if {".", ".."} & set(parts) or "\\" in name:
        raise ValueError(f"{shown(name)} leads out of its folder")
    return name


# Names stand in the names of files, several in one, and those have 255 bytes.
Name = Annotated[str, Field(pattern=r"^[a-z0-9_]+$", max_length=60)]
_LONGEST = 1000  # characters of a reason
FileName = Annotated[str, AfterValidator(_inside)]


class Strict(BaseModel):
    """A section that refuses unknown keys, infinite numbers, and a switch for a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_switch_for_a_number(cls, content: Any) -> Any:
        """Refuse `yes`, which YAML takes for true, and which would become 1."""
        for name, value in content.items() if isinstance(content, Mapping) else ():
            given = value if isinstance(value, list) else [value]
            if name in cls.model_fields and any(isinstance(each, bool) for each in given):
                kinds = _kinds(cls.model_fields[name].annotation)
                if kinds & {int, float} and bool not in kinds:
                    raise ValueError(f"{name}: a number is needed, not {shown(value)}")
        return content

    @model_validator(mode="after")
    def _paths_of_files(self) -> Self:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Path):
                try:
                    check_path(value)
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from None
        return self


class Parameters(Strict):
    """Base of all parameter classes of models."""

    @property
    def stochastic(self) -> bool:
        """Whether two seeds can give two results; if not, only the first seed is run."""
        return False

    @property
    def needs_times(self) -> bool:
        """Whether training sessions must have time stamps."""
        return False

    @property
    def needs_ordered_vectors(self) -> bool:
        """Whether item vectors are divided by the order of their directions."""
        return False

    @property
    def learns_validation(self) -> bool:
        """Whether the validation prompts of leave-one-out are trained on in the end."""
        return False

    @property
    def idle_without_vectors(self) -> list[str]:
        """Keys that are chosen and have no effect unless the run has item vectors."""
        return []


def check_path(path: Path) -> None:
    """Raise ValueError where no file can have the path."""
    if "\0" in str(path) or any(len(os.fsencode(part)) > 255 for part in path.parts):
        raise ValueError(f"{shown(str(path))} is no path of a file")


def _kinds(annotation: Any) -> set[Any]:
    """All types that an annotation is made of."""
    own = {annotation} if isinstance(annotation, type) else set()
    return own.union(*map(_kinds, get_args(annotation)))


def first_problem(error: ValidationError) -> str:
    """The first mistake in one line, and how many more there are."""
    problems = error.errors()
    first = problems[0]
    where = ".".join(shown(part).strip("'") for part in first["loc"])
    reason = {"extra_forbidden": "unknown key", "missing": "required key is missing"}.get(
        first["type"], " ".join(first["msg"].removeprefix("Value error, ").split())
    )
    reason = reason if len(reason) <= _LONGEST else f"{reason[:_LONGEST]}..."  # holds a value
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{where}: {reason}{more}" if where else f"{reason}{more}"


def one_of(value: str, known: Any, what: str) -> str:
    """The value, where it is a known one."""
    if value not in known:
        raise ValueError(f"unknown {what} {shown(value)}; known: {', '.join(sorted(known))}")
    return value


def defined(name: str | None, known: Any, where: str) -> None:
    """Raise ValueError where a name stands for nothing."""
    if name is not None and name not in known:
        raise ValueError(
            f"{where}: {shown(name)} is not defined; defined: {', '.join(known) or 'none'}"
        )


def check_displays(kind: str, displays: Mapping[str, str]) -> None:
    """Raise ValueError where readers could not tell two of a kind from each other.

    Args:
        kind: section of the configuration, such as `runs`.
        displays: what readers see, by name.
    """
    seen: dict[str, str] = {}
    for name, display in displays.items():
        if display in seen:
            raise ValueError(f"{kind}.{name}.display: {shown(display)} is {kind}.{seen[display]}'s")
        seen[display] = name
