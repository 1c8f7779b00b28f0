"""Reading answers and mapping names to the catalogue against the reference's own output."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmseqrec.llm.cases import Case
from llmseqrec.llm.nearest import Nearest
from llmseqrec.llm.tasks.base import PromptTask
from tests.unit.prompt_tasks import task_of

GOLDEN = json.loads((Path(__file__).parent / "data" / "llmseqprompt_golden.json").read_text())
CATALOGUE = GOLDEN["catalogue"]
IDS = list(map(int, CATALOGUE))
TITLES = list(CATALOGUE.values())
MADE_UP = GOLDEN["embeddings_of_hallucinated_names"]
K = 5


def rows(source_ids: Sequence[int]) -> tuple[int, ...]:
    return tuple(IDS.index(item) for item in source_ids)


def reference_task(name: str, lists: dict[int, tuple[int, ...]] | None = None) -> PromptTask[Any]:
    rules: dict[str, dict[str, str]] = {
        "gen_item": {"ranking": "first_appearance", "repeats": "neighbours"},
        "gen_list": {},
        "class": {"last_line": "drop", "repeats": "farthest"},
        "rank": {"last_line": "drop", "repeats": "farthest"},
    }
    return task_of(name, TITLES, lists, k=K, duplicates="last", **rules[name])


def nearest_of(task: PromptTask[Any]) -> Nearest:
    vectors = np.array([GOLDEN["embeddings"][str(item)] for item in IDS], dtype=np.float32)
    return Nearest(
        task.names,
        vectors,
        lambda names: np.array([MADE_UP[name] for name in names], np.float32),
        max(task.neighbours, 1),
    )


def resolved(task: PromptTask[Any], section: dict[str, Any], prompts: dict[str, Any]) -> Any:
    nearest = nearest_of(task)
    lists = {}
    for session, generated in section.items():
        case = Case(int(session), rows(prompts[session]))
        lists[session] = [IDS[item] for item in task.resolve(case, generated, nearest)]
    return lists


def test_gen_item_lists_equal_the_reference() -> None:
    section = GOLDEN["genitem"]
    found = resolved(reference_task("gen_item"), section["completions"], GOLDEN["prompts"])
    assert found == section["expected"]


def test_gen_list_mapping_equals_the_reference() -> None:
    section = GOLDEN["genlist_mapping"]
    found = resolved(reference_task("gen_list"), section["lists"], GOLDEN["prompts"])
    assert found == section["expected_mapped"]


def test_rank_mapping_equals_the_reference() -> None:
    section = GOLDEN["rank_mapping"]
    candidates = {int(session): rows(items) for session, items in section["candidates"].items()}
    task = reference_task("rank", candidates)
    prompts: dict[str, list[int]] = {session: [] for session in section["candidates"]}
    assert resolved(task, section["parsed_completions"], prompts) == section["expected"]


@pytest.mark.parametrize("name", GOLDEN["genlist_parsing"])
def test_gen_list_parsing_equals_the_reference(name: str) -> None:
    case = GOLDEN["genlist_parsing"][name]
    task = reference_task("gen_list")
    header, _ = task.template.answer_frame("list")
    answer = case["completion_with_HEADER_placeholder"].replace("[HEADER]", header)
    assert task.parse(answer) == case["parsed"]


@pytest.mark.parametrize("task", ["class", "rank"])
@pytest.mark.parametrize("name", GOLDEN["rank_class_parsing"])
def test_class_and_rank_parsing_equals_the_reference(task: str, name: str) -> None:
    case = GOLDEN["rank_class_parsing"][name]
    assert reference_task(task).parse(case["completion"]) == case["parsed"]
