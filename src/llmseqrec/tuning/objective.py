"""What a trial is worth: the mean NDCG@20 over the validation prompts of the folds.

What all trials share, the folds and the item vectors, is read once a worker and memory-mapped.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import orjson
from pydantic import ValidationError

from llmseqrec.combinations import CUTOFF
from llmseqrec.config import Config, LanguageModelSettings, Search
from llmseqrec.config_base import first_problem
from llmseqrec.config_search import COMPONENT_AXIS, NAMED_AXES, OPTION_AXIS
from llmseqrec.errors import InputError
from llmseqrec.evaluation.metrics import ItemCounts, evaluate
from llmseqrec.models.base import Catalogue, Recommender
from llmseqrec.models.combined import Combined
from llmseqrec.models.combined_parameters import CombinedParameters
from llmseqrec.registry import parameters_class
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles, build_on, check_width, open_catalogue
from llmseqrec.saved import SavedRun
from llmseqrec.sessions import Prompts, Sessions
from llmseqrec.tuning.families import SHARED_PASSES
from llmseqrec.tuning.space import Point
from llmseqrec.uploads import Permission

METRIC = f"ndcg@{CUTOFF}"


class OutageError(InputError):
    """Somebody who is asked does not answer, or may not be paid: no values are to blame."""


@dataclass(frozen=True)
class Candidate:
    """Item vectors that can be chosen.

    Attributes:
        run: the run with its embedding and reduction, or with none.
        files: catalogue, vectors and reduction.
    """

    run: ResolvedRun
    files: RunFiles


class Fold(NamedTuple):
    """Files of a fold.

    Attributes:
        train: folder of the training sessions.
        prompts: folder of the validation prompts.
        components: models fitted on it, by run, of what a combined run can be made of.
        asked: what a prompted run needs to be asked and read: `questions`, `template`, and as far
            as it has them `language_model`, `vectors` and `lists`.
    """

    train: Path
    prompts: Path
    components: Mapping[str, Path] = {}
    asked: Mapping[str, Path] = {}


class Asker(NamedTuple):
    """Whom a prompted run asks.

    Attributes:
        settings: of the language model, with what does not decide its answers.
        permission: which texts may be sent, for how much.
    """

    settings: LanguageModelSettings
    permission: Permission

    @classmethod
    def of(cls, config: Config, search: Search) -> Self | None:
        """Of a search's run; None where it asks no language model."""
        if not config.runs[search.run].prompted:
            return None
        return cls(config.language_model_of(search.run), Permission.of(config, search.dataset))


class Valued(Protocol):
    """What a worker needs of an objective."""

    folds: Sequence[Fold]

    def values(self, point: Point) -> Iterator[tuple[float, dict[str, Any]]]:
        """The value on one fold after the other, and what was seen."""

    def family_values(self, points: Sequence[Point]) -> list[list[float]]:
        """Values of points that one pass serves, on every fold."""

    def run_of(self, point: Point) -> ResolvedRun:
        """The run with the values of a point."""


@dataclass
class Objective:
    """Fits and scores configurations of one run.

    Attributes:
        candidates: what each (embedding, reduction) stands for; (None, None) without vectors.
        folds: files of each fold.
        identity: seed and device of every fit.
        fixed: values of the variant.
        components: what a combined run can be made of.
    """

    candidates: Mapping[tuple[str | None, str | None], Candidate]
    folds: Sequence[Fold]
    identity: Identity
    fixed: Point = field(default_factory=dict)
    components: Mapping[str, ResolvedRun] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._parts = [(Sessions.load(f.train), Prompts.load(f.prompts)) for f in self.folds]
        for fold, (_, prompts) in zip(self.folds, self._parts, strict=True):
            if not len(prompts.targets):
                where = fold.prompts
                raise InputError(f"{where}: no prompts to search on; fewer folds, more sessions")
        self._opened: dict[Path, Recommender[Any]] = {}
        self._catalogues: dict[tuple[str | None, str | None], Catalogue] = {}

    def values(self, point: Point) -> Iterator[tuple[float, dict[str, Any]]]:
        """NDCG@20 on one fold after the other, and what was seen: `seconds`, `epochs`.

        Raises:
            InputError: the values do not go together, or the model cannot be fitted.
        """
        run = self.run_of(point)
        for number, (_, prompts) in enumerate(self._parts):
            started = time.perf_counter()
            recommender = self._fitted(run, point, number)
            facts: dict[str, Any] = {}
            history = getattr(recommender, "history", None)
            if history:
                facts["epochs"] = _kept_epochs(history, run.parameters)
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
        # What a pass shares knows all options, so it is built of the parameters that list them.
        shared_point = {k: v for k, v in points[0].items() if k != OPTION_AXIS}
        for number, (_, prompts) in enumerate(self._parts):
            recommender = self._fitted(self.run_of(shared_point), points[0], number)
            found.append(shared.means(recommender, prompts, options))
        return np.array(found).T.tolist()  # type: ignore[no-any-return]

    def run_of(self, point: Point) -> ResolvedRun:
        """The run with the values of a point.

        Raises:
            InputError: the values do not go together.
        """
        return run_at(
            self.candidates[self.names_of(point)].run, self.fixed | point, self.components
        )

    def names_of(self, point: Point) -> tuple[str | None, str | None]:
        """Embedding and reduction of a point; the run's own where they are not searched."""
        chosen = self.fixed | point
        default = next(iter(self.candidates))
        found = [chosen.get(name, own) for name, own in zip(NAMED_AXES, default, strict=True)]
        return found[0], found[1]  # type: ignore[return-value]

    def _fitted(self, run: ResolvedRun, point: Point, number: int) -> Recommender[Any]:
        """The run fitted on a fold; what it combines was fitted on it before."""
        names = self.names_of(point)
        if names not in self._catalogues:
            self._catalogues[names] = open_catalogue(run, self.candidates[names].files)
        recommender = build_on(run, self._catalogues[names], self.identity.setting(run))
        if isinstance(recommender, Combined):
            recommender.combine([self._component(number, name) for name in run.components])
        check_width(run, recommender)
        recommender.fit(self._parts[number][0])
        return recommender

    def _component(self, number: int, name: str) -> Recommender[Any]:
        """A fitted component of a fold, opened once."""
        path = self.folds[number].components[name]
        if path not in self._opened:
            found = SavedRun.load(path.parent.parent, self.identity.device)
            self._opened[path] = found.recommender
        return self._opened[path]


def run_at(
    run: ResolvedRun, values: Mapping[str, Any], components: Mapping[str, ResolvedRun]
) -> ResolvedRun:
    """A run with searched values in their places.

    Args:
        run: with the item vectors that were chosen.
        values: by name, those of the variant among them.
        components: what a combined run can be made of.

    Raises:
        InputError: the values do not go together.
    """
    parameters = with_values(run.parameters, values)
    option = values.get(OPTION_AXIS)
    checked_by = parameters_class(run.model)
    if option is not None and issubclass(checked_by, CombinedParameters):
        parameters |= checked_by.pinned(orjson.loads(option))
    try:
        checked = checked_by(**parameters)
    except ValidationError as error:
        raise InputError(f"{run.model}: {first_problem(error)}") from None
    chosen = [str(values.get(COMPONENT_AXIS + name, name)) for name in run.components]
    if len(set(chosen)) < len(chosen):
        raise InputError(f"{run.model}: {', '.join(chosen)}: a component is named twice")
    made = {name: components[name] for name in chosen}
    return run.model_copy(
        update={"parameters": checked.model_dump(mode="json"), "components": made}
    )


def with_values(parameters: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters with searched values in their place; a dot leads into a section.

    Args:
        parameters: of a run.
        values: by name; those that are no parameters are left out.
    """
    made = dict(parameters)
    for name, value in values.items():
        if name in (*NAMED_AXES, OPTION_AXIS) or name.startswith(COMPONENT_AXIS):
            continue
        section, _, inner = name.partition(".")
        made[section] = {**(made.get(section) or {}), inner: value} if inner else value
    return made


def _kept_epochs(history: Sequence[Mapping[str, float]], parameters: Mapping[str, Any]) -> int:
    """Epochs that made the weights a network keeps; what is trained on everything has no best."""
    patience, count = parameters["patience"], len(history)
    if patience is None:
        return count
    values = np.nan_to_num([row["validation"] for row in history], nan=-np.inf)
    best = 1 + int(values.argmax())
    at_limit = count - best < patience
    keeps_last = parameters["fidelity"] == "reference" and not parameters["refit"]
    return count if at_limit and keeps_last else best


def _ndcg(recommender: Recommender[Any], prompts: Prompts) -> float:
    items, _ = recommender.recommend(prompts.sessions, CUTOFF)
    n_items = recommender.catalogue.n_items
    counts = ItemCounts(np.ones(n_items, dtype=np.int64))
    found: float = evaluate(items, prompts.targets, counts, [CUTOFF], n_items).aggregate[METRIC]
    return found
