"""What a way of asking a language model is worth: NDCG@20 on the folds, by models trained before.

Nothing is trained: each fold has a model that was fine-tuned on it, and is asked its validation
prompts anew for every way of sampling. Ways of reading the same answers share them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llmseqrec.combinations import CUTOFF
from llmseqrec.errors import InputError
from llmseqrec.evaluation.metrics import ItemCounts
from llmseqrec.evaluation.results import judge
from llmseqrec.generations import generate, open_nearest, open_provider, resolve_generations
from llmseqrec.llm.nearest import Nearest
from llmseqrec.prompting import Task, TaskFiles, asked_cases, open_task
from llmseqrec.provenance import digest
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles
from llmseqrec.sessions import Prompts
from llmseqrec.tuning.objective import METRIC, Asker, Fold, OutageError, run_at
from llmseqrec.tuning.space import Point

ANSWERS_DEPEND_ON = ("sampling", "samples", "decoding")
LIST_TYPES = {"session_id": "int32", "rank": "int16", "item_id": "int32"}


@dataclass
class PromptObjective:
    """Asks and reads answers under configurations of one run.

    Attributes:
        run: the searched run.
        catalogue: items.parquet.
        folds: files of each fold, with those that its prompts and answers need.
        identity: seed and device.
        asker: whom to ask, and what may be sent.
        fixed: values of the variant.
    """

    run: ResolvedRun
    catalogue: Path
    folds: Sequence[Fold]
    identity: Identity
    asker: Asker
    fixed: Point = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings, permission = self.asker
        self._provider = open_provider(settings, self.identity.device, permission)
        self._answers: dict[str, pd.DataFrame] = {}
        self._nearest: dict[int, Nearest | None] = {}

    def values(self, point: Point) -> Iterator[tuple[float, dict[str, Any]]]:
        """NDCG@20 on one fold after the other, and what was seen: `seconds`.

        Raises:
            InputError: the values do not go together.
            OutageError: answers, or vectors of names in them, cannot be had.
        """
        run = self.run_of(point)
        for number in range(len(self.folds)):
            started = time.perf_counter()
            value = self._value(run, number)
            yield value, {"seconds": time.perf_counter() - started}

    def family_values(self, points: Sequence[Point]) -> list[list[float]]:
        """NDCG@20 of several points on every fold."""
        return [[value for value, _ in self.values(point)] for point in points]

    def run_of(self, point: Point) -> ResolvedRun:
        """The run with the values of a point.

        Raises:
            InputError: the values do not go together.
        """
        return run_at(self.run, self.fixed | point, {})

    def _value(self, run: ResolvedRun, number: int) -> float:
        fold = self.folds[number]
        files = self._files(fold)
        task = open_task(run, files, self.identity.seed)
        cases = asked_cases(task, fold.prompts)
        with _asking():
            answers = self._asked(run, task, number)
            nearest = self._nearest_of(task, run, number)
            lists, _ = resolve_generations(task, cases, answers, nearest)
        counts = ItemCounts(np.ones(len(task.names), dtype=np.int64))
        lists = lists.astype(LIST_TYPES)  # a table of no rows has none
        judged = judge(lists, Prompts.load(fold.prompts), counts, [CUTOFF])
        return float(judged.evaluation.aggregate[METRIC])

    def _asked(self, run: ResolvedRun, task: Task, number: int) -> pd.DataFrame:
        """Answers to the validation prompts of a fold, asked for once."""
        how = {name: run.parameters.get(name) for name in ANSWERS_DEPEND_ON}
        key = digest([number, how])
        if key not in self._answers:
            asked = self.folds[number].asked
            model, questions = asked.get("language_model"), asked["questions"]
            seed = self.identity.seed
            self._answers[key] = generate(task, self._provider, model, questions, seed)
        return self._answers[key]

    def _nearest_of(self, task: Task, run: ResolvedRun, number: int) -> Nearest | None:
        """Where names are looked up; it keeps the vectors of those it has met."""
        if task.neighbours not in self._nearest:
            files, device = self._files(self.folds[number]), self.identity.device
            found = open_nearest(task, run, files, device, self.asker.permission)
            self._nearest[task.neighbours] = found
        return self._nearest[task.neighbours]

    def _files(self, fold: Fold) -> TaskFiles:
        asked = fold.asked
        shared = RunFiles(self.catalogue, train=fold.train, vectors=asked.get("vectors"))
        lists, model = asked.get("lists"), asked.get("language_model")
        return TaskFiles(shared, asked["template"], lists=lists, language_model=model)


@contextmanager
def _asking() -> Iterator[None]:
    """Tell what those who are asked, or their price, are to blame for from what a point is."""
    try:
        yield
    except InputError as error:
        raise OutageError(str(error)) from None
