"""What a trial is worth: the mean NDCG@20 over the validation prompts of the folds.

What all trials share, the folds and the item vectors, is read once a worker and memory-mapped.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from llmseqrec.config_base import first_problem
from llmseqrec.config_search import NAMED_AXES
from llmseqrec.errors import InputError
from llmseqrec.evaluation.metrics import ItemCounts, evaluate
from llmseqrec.models.base import Catalogue, Recommender
from llmseqrec.registry import parameters_class
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles, build_on, check_width, open_catalogue
from llmseqrec.sessions import Prompts, Sessions
from llmseqrec.tuning.families import SHARED_PASSES
from llmseqrec.tuning.space import Point

CUTOFF = 20
METRIC = f"ndcg@{CUTOFF}"


@dataclass(frozen=True)
class Candidate:
    """Item vectors that can be chosen.

    Attributes:
        run: the run with its embedding and reduction, or with none.
        files: catalogue, vectors and reduction.
    """

    run: ResolvedRun
    files: RunFiles


@dataclass
class Objective:
    """Fits and scores configurations of one run.

    Attributes:
        candidates: what each (embedding, reduction) stands for; (None, None) without vectors.
        folds: folders of the training sessions and of the validation prompts of each fold.
        identity: seed and device of every fit.
        fixed: values of the variant.
    """

    candidates: Mapping[tuple[str | None, str | None], Candidate]
    folds: Sequence[tuple[Path, Path]]
    identity: Identity
    fixed: Point = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._parts = [(Sessions.load(t), Prompts.load(p)) for t, p in self.folds]
        for (_, folder), (_, prompts) in zip(self.folds, self._parts, strict=True):
            if not len(prompts.targets):
                raise InputError(f"{folder}: no prompts to search on; fewer folds, more sessions")
        self._catalogues: dict[tuple[str | None, str | None], Catalogue] = {}

    def values(self, point: Point) -> Iterator[tuple[float, dict[str, Any]]]:
        """NDCG@20 on one fold after the other, and what was seen: `seconds`, `epochs`.

        Raises:
            InputError: the values do not go together, or the model cannot be fitted.
        """
        run = self.run_of(point)
        for train, prompts in self._parts:
            started = time.perf_counter()
            recommender = self._fitted(run, point, train)
            facts: dict[str, Any] = {}
            history = getattr(recommender, "history", None)
            if history:
                facts["epochs"] = 1 + int(np.nanargmax([row["validation"] for row in history]))
            value = _ndcg(recommender, prompts)
            yield value, facts | {"seconds": time.perf_counter() - started}

    def family_values(self, points: Sequence[Point]) -> list[list[float]]:
        """NDCG@20 of points that one pass serves, on every fold.

        Raises:
            InputError: the values do not go together.
        """
        runs = [self.run_of(point) for point in points]
        shared = SHARED_PASSES[runs[0].model]
        options = [parameters_class(run.model)(**run.parameters) for run in runs]
        found = []
        for train, prompts in self._parts:
            recommender = self._fitted(runs[0], points[0], train)
            gains = shared.gains(recommender, prompts, options, CUTOFF)
            found.append(gains.mean(axis=1))
        return np.array(found).T.tolist()  # type: ignore[no-any-return]

    def run_of(self, point: Point) -> ResolvedRun:
        """The run with the values of a point.

        Raises:
            InputError: the values do not go together.
        """
        run = self.candidates[self.names_of(point)].run
        parameters = with_values(run.parameters, self.fixed | point)
        try:
            checked = parameters_class(run.model)(**parameters)
        except ValidationError as error:
            raise InputError(f"{run.model}: {first_problem(error)}") from None
        return run.model_copy(update={"parameters": checked.model_dump(mode="json")})

    def names_of(self, point: Point) -> tuple[str | None, str | None]:
        """Embedding and reduction of a point; the run's own where they are not searched."""
        chosen = self.fixed | point
        default = next(iter(self.candidates))
        found = [chosen.get(name, own) for name, own in zip(NAMED_AXES, default, strict=True)]
        return found[0], found[1]  # type: ignore[return-value]

    def _fitted(self, run: ResolvedRun, point: Point, train: Sessions) -> Recommender[Any]:
        names = self.names_of(point)
        if names not in self._catalogues:
            self._catalogues[names] = open_catalogue(run, self.candidates[names].files)
        recommender = build_on(run, self._catalogues[names], self.identity.setting(run))
        check_width(run, recommender)
        recommender.fit(train)
        return recommender


def with_values(parameters: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters with searched values in their place; a dot leads into a section.

    Args:
        parameters: of a run.
        values: by name; those of the named axes are no parameters and left out.
    """
    made = dict(parameters)
    for name, value in values.items():
        if name in NAMED_AXES:
            continue
        section, _, inner = name.partition(".")
        made[section] = {**(made.get(section) or {}), inner: value} if inner else value
    return made


def _ndcg(recommender: Recommender[Any], prompts: Prompts) -> float:
    items, _ = recommender.recommend(prompts.sessions, CUTOFF)
    n_items = recommender.catalogue.n_items
    counts = ItemCounts(np.ones(n_items, dtype=np.int64))
    found: float = evaluate(items, prompts.targets, counts, [CUTOFF], n_items).aggregate[METRIC]
    return found
