"""What all sections of the configuration share; to be imported from `llmseqrec.config`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Name = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]


class Strict(BaseModel):
    """A section that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


def first_problem(error: ValidationError) -> str:
    """The first mistake in one line, and how many more there are."""
    problems = error.errors()
    first = problems[0]
    where = ".".join(str(part) for part in first["loc"])
    reason = {"extra_forbidden": "unknown key", "missing": "required key is missing"}.get(
        first["type"], first["msg"].removeprefix("Value error, ")
    )
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{where}: {reason}{more}" if where else f"{reason}{more}"


def one_of(value: str, known: Any, what: str) -> str:
    """The value, where it is a known one."""
    if value not in known:
        raise ValueError(f"unknown {what} {value!r}; known: {', '.join(sorted(known))}")
    return value


def defined(name: str | None, known: Any, where: str) -> None:
    """Raise ValueError where a name stands for nothing."""
    if name is not None and name not in known:
        raise ValueError(f"{where}: {name!r} is not defined; defined: {', '.join(known) or 'none'}")


def check_displays(kind: str, displays: Mapping[str, str]) -> None:
    """Raise ValueError where readers could not tell two of a kind from each other.

    Args:
        kind: section of the configuration, such as `runs`.
        displays: what readers see, by name.
    """
    seen: dict[str, str] = {}
    for name, display in displays.items():
        if display in seen:
            raise ValueError(f"{kind}.{name}.display: {display!r} is {kind}.{seen[display]}'s")
        seen[display] = name
