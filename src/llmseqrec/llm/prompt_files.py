"""Files of prompts: a line of JSON each.

{"session_id": 3, "prompt": {"system", "user", "glue", "chat", "stop"}, "answer": "..."}; a file of
questions has no answers. The last line, {"lines": 40, "sha256": "..."}, tells of those before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from llmseqrec.contracts import atomic_path
from llmseqrec.errors import InputError
from llmseqrec.llm.prompts import Example, Prompt
from llmseqrec.storage import reading

_AGAIN = "build it again"


@dataclass(frozen=True)
class Line:
    """A prompt of a session, with the answer to train or without one."""

    session_id: int
    prompt: Prompt
    answer: str | None = None


def write_prompts(lines: Iterable[Line], target: Path) -> None:
    """Write a file of prompts."""
    count, written = 0, sha256()
    with atomic_path(target) as temporary, temporary.open("wb") as stream:
        for line in lines:
            content = {"session_id": line.session_id, "prompt": asdict(line.prompt)}
            if line.answer is not None:
                content["answer"] = line.answer
            raw = orjson.dumps(content) + b"\n"
            stream.write(raw)
            written.update(raw)
            count += 1
        end = {"lines": count, "sha256": written.hexdigest()}
        stream.write(orjson.dumps(end) + b"\n")


def read_prompts(source: Path) -> list[Line]:
    """Read a file of prompts.

    Raises:
        InputError: naming the line that is no prompt; lines are missing, or are not those written.
    """
    lines: list[Line] = []
    seen = sha256()
    end: dict[str, Any] = {}
    with reading(source, remedy=_AGAIN), source.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            if end:
                raise InputError(f"{source}, line {number}: behind the last line; {_AGAIN}")
            try:
                content = orjson.loads(raw)
                if end := _end(content):
                    continue
                lines.append(_line(content))
            except (ValueError, KeyError, TypeError, AttributeError):
                raise InputError(f"{source}, line {number}: no prompt; {_AGAIN}") from None
            seen.update(raw)
    if not end:
        raise InputError(f"{source}: cut off after line {len(lines)}; {_AGAIN}")
    if end != {"lines": len(lines), "sha256": seen.hexdigest()}:
        raise InputError(f"{source}: damaged or edited, its checksum does not fit; {_AGAIN}")
    return lines


def _end(content: dict[str, Any]) -> dict[str, Any]:
    """The last line, or nothing."""
    return content if "sha256" in content else {}


def _line(content: dict[str, Any]) -> Line:
    prompt = Prompt(**content["prompt"])
    return Line(int(content["session_id"]), prompt, content.get("answer"))


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
