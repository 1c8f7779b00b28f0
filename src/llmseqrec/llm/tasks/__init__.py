"""The four prompt tasks by name, loaded when used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmseqrec.llm.parameters import PromptTaskParameters
from llmseqrec.registry import load

if TYPE_CHECKING:
    from llmseqrec.llm.tasks.base import PromptTask, TaskInputs

TASKS: dict[str, str] = {
    "gen_item": "llmseqrec.llm.tasks.gen_item:GenItem",
    "gen_list": "llmseqrec.llm.tasks.gen_list:GenList",
    "class": "llmseqrec.llm.tasks.class_:Class",
    "rank": "llmseqrec.llm.tasks.rank:Rank",
}


def build_task(parameters: PromptTaskParameters, inputs: TaskInputs) -> PromptTask[Any]:
    """The task of some parameters."""
    task: PromptTask[Any] = load(TASKS[parameters.task])(parameters, inputs)
    return task
