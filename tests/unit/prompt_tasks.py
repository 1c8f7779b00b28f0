"""Catalogues, templates and tasks that the tests of the prompt tasks share."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from llmseqrec.llm.categories import Categories
from llmseqrec.llm.names import Names
from llmseqrec.llm.nearest import Nearest
from llmseqrec.llm.parameters import PromptTaskParameters
from llmseqrec.llm.tasks import build_task
from llmseqrec.llm.tasks.base import PromptTask, TaskInputs
from llmseqrec.llm.templates import read_template, template_path
from tests.conftest import ROOT

STYLES = ("chat", "plain", "completion", "instruction")
TASK_NAMES = ("gen_item", "gen_list", "class", "rank")


def categories_of(n_items: int, chosen: Sequence[int]) -> Categories:
    """Category items on a line: item i lies at the place i."""
    vectors = np.arange(n_items, dtype=np.float32)[:, None]
    items = np.array(chosen, dtype=np.int32)
    return Categories.at(items, vectors[items], vectors)


def task_of(
    name: str,
    titles: Sequence[str],
    lists: Mapping[int, Sequence[int]] | None = None,
    categories: Sequence[int] | None = None,
    **options: Any,
) -> PromptTask[Any]:
    """A task with the project's own template; all items are categories unless some are named."""
    needed = {"lists": "another_run"} if name in ("gen_list", "rank") else {}
    parameters = TypeAdapter(PromptTaskParameters).validate_python(
        {"task": name} | needed | options
    )
    template = read_template(template_path(name, None, ROOT), name, parameters.style)
    chosen = range(len(titles)) if categories is None else categories
    inputs = TaskInputs(
        Names(titles, parameters.duplicates),
        template,
        lists or {},
        categories_of(len(titles), chosen),
    )
    return build_task(parameters, inputs)


def nearest_on_a_line(names: Names, places: Mapping[str, float], depth: int = 40) -> Nearest:
    """Items on a quarter circle, item i at i / n of it; other names where `places` puts them."""
    return Nearest(
        names,
        on_a_circle(np.arange(len(names)) / len(names)),
        lambda texts: on_a_circle(np.array([places[text] for text in texts])),
        depth,
    )


def on_a_circle(places: np.ndarray) -> np.ndarray:
    """Unit vectors whose dot product falls as their places part."""
    angles = places * np.pi / 2
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
