"""Parameters of the prompt tasks: told apart by their task, refused by name."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from llmseqrec.llm.parameters import ClassParameters, GenItemParameters, PromptTaskParameters
from llmseqrec.llm.tasks import TASKS
from llmseqrec.registry import load
from tests.unit.prompt_tasks import TASK_NAMES, task_of

ADAPTER: TypeAdapter[Any] = TypeAdapter(PromptTaskParameters)


def test_each_task_has_its_class() -> None:
    assert tuple(TASKS) == TASK_NAMES
    for name, target in TASKS.items():
        assert type(task_of(name, ["a"])) is load(target)
    assert isinstance(ADAPTER.validate_python({"task": "class"}), ClassParameters)


def test_gen_item_asks_for_several_answers_and_the_others_for_one() -> None:
    answers = {name: task_of(name, ["a"]).answers for name in TASK_NAMES}
    assert answers == {"gen_item": 20, "gen_list": 1, "class": 1, "rank": 1}


@pytest.mark.parametrize("value", [0, 250, 500, 0.2])
def test_validation_is_a_number_or_a_share(value: float) -> None:
    made = GenItemParameters.model_validate({"cases": {"validation": value}})
    assert made.cases.validation == value
    assert type(made.cases.validation) is type(value)


WRONG = [
    ({"task": "gen_items"}, "gen_items"),
    ({"task": "rank"}, "lists"),
    ({"task": "gen_list"}, "lists"),
    ({"task": "class", "lists": "a_run"}, "lists"),
    ({"task": "gen_item", "nearest": "items"}, "nearest"),
    ({"task": "gen_item", "style": "talk"}, "style"),
    ({"task": "gen_item", "cases": {"validation": 1.5}}, "validation"),
    ({"task": "gen_item", "cases": {"validation": -1}}, "validation"),
    ({"task": "gen_item", "sampling": {"top_p": 0}}, "top_p"),
]


@pytest.mark.parametrize(("content", "key"), WRONG)
def test_what_is_wrong_is_refused_by_name(content: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        ADAPTER.validate_python(content)
