"""Files of prompts: a line of JSON each.

{"session_id": 3, "prompt": {"system", "user", "glue", "chat", "stop"}, "answer": "..."}; a file of
questions has no answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from llmseqrec.contracts import atomic_path
from llmseqrec.errors import InputError
from llmseqrec.llm.prompts import Example, Prompt


@dataclass(frozen=True)
class Line:
    """A prompt of a session, with the answer to train or without one."""

    session_id: int
    prompt: Prompt
    answer: str | None = None


def write_prompts(lines: Iterable[Line], target: Path) -> None:
    """Write a file of prompts."""
    with atomic_path(target) as temporary, temporary.open("wb") as stream:
        for line in lines:
            content = {"session_id": line.session_id, "prompt": asdict(line.prompt)}
            if line.answer is not None:
                content["answer"] = line.answer
            stream.write(orjson.dumps(content) + b"\n")


def read_prompts(source: Path) -> list[Line]:
    """Read a file of prompts.

    Raises:
        InputError: naming the line that is no prompt.
    """
    lines = []
    with source.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            try:
                content = orjson.loads(raw)
                prompt = Prompt(**content["prompt"])
                lines.append(Line(int(content["session_id"]), prompt, content.get("answer")))
            except (ValueError, KeyError, TypeError, AttributeError):
                raise InputError(f"{source}, line {number}: no prompt; build it again") from None
    return lines


def read_examples(source: Path) -> list[Example]:
    """Read a file of prompts with answers.

    Raises:
        InputError: naming the line without one.
    """
    examples = []
    for number, line in enumerate(read_prompts(source), start=1):
        if line.answer is None:
            raise InputError(f"{source}, line {number}: no answer to train; build it again")
        examples.append(Example(line.prompt, line.answer))
    return examples
