"""Texts of prompts and answers: data that a file holds and anyone may edit.

A file of `config/prompts/` belongs to one task and holds a template for each style of writing:
`chat` (messages), and texts to be continued: `completion` (the study's for ada), `plain` (for PaLM:
the chat's texts in one), `instruction` (TALLRec's format) and `items` (names alone, for a model
that knows nothing else). Texts are format strings.

Sources: study, §4.1 to §4.4, and its code for layout, separators and stop texts; TALLRec (Bao et
al., RecSys 2023), its code for the layout.
Deviations: the sentences say what the study's say, in words of our own; the texts of training and
test are the same, where those of the study differ in a line break.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from string import Formatter
from typing import Literal

from pydantic import Field, ValidationError

from llmseqrec.config_base import Strict, first_problem
from llmseqrec.errors import InputError
from llmseqrec.yaml_files import read_yaml

Style = Literal["chat", "completion", "plain", "instruction", "items"]
TaskName = Literal["gen_item", "gen_list", "class", "rank"]

# Placeholders of the user's text and of the answer. `k`, the length of a list, may be left out.
USER_FIELDS: dict[str, set[str]] = {
    "gen_item": {"items"},
    "gen_list": {"items"},
    "class": {"items", "candidates"},
    "rank": {"items", "candidates"},
}
ANSWER_FIELDS = {"gen_item": {"name"}, "gen_list": {"list"}, "class": {"list"}, "rank": {"list"}}


class Template(Strict):
    """How one task is written in one style."""

    system: str = Field("", description="What is asked; may hold {k}.")
    user: str = Field(description="{items}, for some tasks {candidates}; may hold {k}.")
    answer: str = Field(description="{name}, or {list}: numbered lines that end with a break.")
    item: str = Field("{name}", description="One line of {items}: {name}, and perhaps {number}.")
    glue: str = Field("\n", description="Between system and user text where they are one text.")
    stop: str | None = Field(None, description="Where a service is told to end the answer.")
    unnamed: str = Field("Unknown item", description="Stands for an item without a title.")

    def answer_frame(self, field: str) -> tuple[str, str]:
        """What the answer holds before and after a field."""
        mark = "\0"
        before, _, after = self.answer.format(**{field: mark}).partition(mark)
        return before, after


def template_path(task: str, own: Path | None, base: Path) -> Path:
    """The template file of a task: the user's own, or the one in `base`/config/prompts/."""
    return own or base / "config" / "prompts" / f"{task}.yaml"


def read_template(path: Path, task: str, style: str) -> Template:
    """Read the template of a style from a file of one task.

    Raises:
        InputError: the file is absent or no mapping, lacks the style, or a text lacks a placeholder
            or has an unknown one.
    """
    sections = read_yaml(path)
    if style not in sections:
        raise InputError(f"{path}: no style {style!r}; it has {', '.join(sections)}")
    try:
        template = Template.model_validate(sections[style])
    except ValidationError as error:
        raise InputError(f"{path}: {style}: {first_problem(error)}") from None
    where = f"{path}: {style}"
    _check(f"{where}.system", template.system, set(), {"k"})
    _check(f"{where}.user", template.user, USER_FIELDS[task], {"k"})
    _check(f"{where}.answer", template.answer, ANSWER_FIELDS[task], set(), once=True)
    _check(f"{where}.item", template.item, {"name"}, {"number"})
    return template


def _check(where: str, text: str, needed: set[str], allowed: set[str], once: bool = False) -> None:
    """Raise InputError unless a format string holds what it needs, and nothing unknown."""
    try:
        parts = [part[1:] for part in Formatter().parse(text) if part[1] is not None]
    except ValueError as error:
        raise InputError(f"{where}: {error}; a brace that is text is written twice") from None
    names = [name for name, _, _ in parts]
    for name, specification, conversion in parts:
        if name not in needed | allowed or specification or conversion:
            known = _in_braces(needed | allowed) or "none"
            raise InputError(f"{where}: unknown placeholder {{{name}}}; known: {known}")
    if needed - set(names):
        raise InputError(f"{where}: the placeholder {_in_braces(needed - set(names))} is missing")
    if once and len(names) > 1:
        raise InputError(f"{where}: the placeholder {_in_braces(names[:1])} stands there twice")


def _in_braces(names: Iterable[str | None]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(map(str, names)))
