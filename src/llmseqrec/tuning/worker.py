"""One worker of a study: takes trials until the study has ended, whoever ends it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from llmseqrec.config_search import Range, Search, Value
from llmseqrec.errors import FileError, InputError
from llmseqrec.provenance import digest, file_digest
from llmseqrec.registry import load
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles, component_hash
from llmseqrec.tuning.families import family_axes
from llmseqrec.tuning.objective import Asker, Candidate, Fold, Objective, OutageError, Valued
from llmseqrec.tuning.space import Space
from llmseqrec.tuning.study import Claim, Ended, SharedStudy

log = logging.getLogger(__name__)

# Loaded by name: what it needs of language models is no part of other searches' code.
PROMPT_OBJECTIVE = "llmseqrec.tuning.prompt_objective:PromptObjective"


@dataclass(frozen=True)
class Task:
    """What the workers of one variant share.

    Attributes:
        search: the settings.
        ranges: of the searched names.
        fixed: values of the variant.
        candidates: content of each candidate: names, run, and paths of its vectors.
        components: what a combined run can be made of, by name.
        asked: names of the files of a fold that a prompted run needs.
    """

    search: Search
    ranges: Mapping[str, Range]
    fixed: Mapping[str, Value]
    candidates: Sequence[Mapping[str, Any]]
    components: Mapping[str, ResolvedRun]
    asked: Sequence[str] = ()

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Task:
        """Take a task from a job's parameters."""
        ranges = {name: Range.model_validate(each) for name, each in content["ranges"].items()}
        search = Search.model_validate(content["search"])
        named = content["components"].items()
        components = {name: ResolvedRun.model_validate(each) for name, each in named}
        task = cls(search, ranges, content["fixed"], content["candidates"], components)
        return replace(task, asked=content.get("asked", ()))

    @property
    def model(self) -> str:
        """Name of the model."""
        name: str = self.candidates[0]["run"]["model"]
        return name

    def folds(self, inputs: Any) -> list[Fold]:
        """Files of each fold from a job's inputs.

        `fold_train` and `fold_prompts` have one folder a fold, `fold_components` a model a fold and
        component, and `fold_asked` a file a fold and name of `asked`.
        """
        train, prompts = inputs.fold_train, inputs.fold_prompts
        models = _rows(getattr(inputs, "fold_components", []), self.components, len(train))
        asked = _rows(getattr(inputs, "fold_asked", []), self.asked, len(train))
        return [
            Fold(Path(fold), Path(folder), *named)
            for fold, folder, *named in zip(train, prompts, models, asked, strict=True)
        ]

    def objective(
        self,
        catalogue: Path,
        folds: Sequence[Fold],
        identity: Identity,
        asker: Asker | None = None,
    ) -> Valued:
        """What a trial of this task is worth; a prompted run has somebody to ask."""
        if asker is not None:
            run = ResolvedRun.model_validate(self.candidates[0]["run"])
            prompted: Valued = load(PROMPT_OBJECTIVE)(
                run, catalogue, folds, identity, asker, dict(self.fixed)
            )
            return prompted
        found = {}
        for content in self.candidates:
            files = RunFiles(
                catalogue,
                vectors=Path(content["vectors"]) if content["vectors"] else None,
                reduction=Path(content["fitted"]) if content["fitted"] else None,
            )
            run = ResolvedRun.model_validate(content["run"])
            found[content["embedding"], content["reduction"]] = Candidate(run, files)
        return Objective(found, folds, identity, dict(self.fixed), self.components)

    def state_dir(self, catalogue: Path, folds: Sequence[Fold], code: str) -> Path:
        """Where the study is kept: another folder for other settings, code, folds or vectors.

        How long and by how many it is searched does not count, so that it can be gone on with.
        """
        sessions = [
            file_digest(path)
            for fold in folds
            for folder in (fold.train, fold.prompts)
            for path in sorted(folder.glob("*.npy"))
        ]
        models = [component_hash(path) for fold in folds for path in fold.components.values()]
        models += [_digest_of(path) for fold in folds for path in fold.asked.values()]
        vectors = [file_digest(Path(c["vectors"])) for c in self.candidates if c["vectors"]]
        ranges = {name: found.model_dump(mode="json") for name, found in self.ranges.items()}
        runs = [each["run"] for each in self.candidates]
        settings = [self.search.result, ranges, dict(self.fixed), runs]
        made_of = [file_digest(catalogue), sessions, vectors, *([models] if models else [])]
        return Path("state") / digest([settings, *made_of, code])


def search_run(
    task: Task,
    catalogue: Path,
    folds: Sequence[Fold],
    identity: Identity,
    asker: Asker | None = None,
) -> dict[str, Any]:
    """Work on the study of a task until it has ended.

    Args:
        task: what is searched.
        catalogue: items.parquet.
        folds: files of each fold.
        identity: seed and device of every fit, and the code.
        asker: of a prompted run.

    Returns:
        `study`, the folder of the journal; `done`, the trials of this worker; `ended`, why.

    Raises:
        InputError: the files do not belong together.
        OutageError: somebody who is asked does not answer, or may not be paid; the trials go back
            to the study, so that another call goes on with them.
    """
    objective = task.objective(catalogue, folds, identity, asker)
    space = Space(task.ranges, task.fixed)
    axes = family_axes(task.model, space, task.search.together)
    folder = task.state_dir(catalogue, folds, identity.code)
    study = SharedStudy(folder, space, task.search, axes)
    done = 0
    with study.working():
        while not isinstance(taken := study.take(), Ended):
            try:
                _do(study, objective, taken, bool(axes))
            except (OutageError, FileError):
                study.release(taken)
                raise
            done += len(taken)
            log.info("trials %s", [claim.number for claim in taken])
    log.info("ended by %s after %d trials here", taken.reason, done)
    return {"study": str(folder), "done": done, "ended": taken.reason}


def _rows(paths: Sequence[str], names: Iterable[str], count: int) -> list[dict[str, Path]]:
    """Paths that stand fold after fold, by name."""
    known = list(names)
    parts = [paths[len(known) * place : len(known) * (place + 1)] for place in range(count)]
    return [dict(zip(known, map(Path, part), strict=True)) for part in parts]


def _digest_of(path: Path) -> str:
    """Of a file, or of all files of a folder: model.json tells how it was trained, not on what."""
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    return digest([file_digest(each) for each in files])


def _do(study: SharedStudy, objective: Valued, claims: Sequence[Claim], together: bool) -> None:
    """Try what was taken; values that do not go together fail their own trial alone."""
    if not together:
        for claim in claims:
            with _failing(study, [claim]):
                _try_one(study, objective, claim)
        return
    sound = []
    for claim in claims:
        with _failing(study, [claim]):
            objective.run_of(claim.point)
            sound.append(claim)
    if sound:
        with _failing(study, sound):
            _try_together(study, objective, sound)


@contextmanager
def _failing(study: SharedStudy, claims: Sequence[Claim]) -> Iterator[None]:
    """End trials as failed that cannot be done: a ValueError is what numerics answer with."""
    started = time.perf_counter()
    try:
        yield
    except (OutageError, FileError):
        raise
    except (InputError, ValueError) as error:
        log.warning("%s", error, exc_info=not isinstance(error, InputError))
        seconds = (time.perf_counter() - started) / len(claims)
        for claim in claims:
            study.fail(claim, str(error), seconds)


def _try_one(study: SharedStudy, objective: Valued, claim: Claim) -> None:
    found: list[float] = []
    epochs: list[int] = []
    seconds = 0.0
    hopeless = False
    for value, facts in objective.values(claim.point):
        found.append(value)
        epochs += [facts["epochs"]] if "epochs" in facts else []
        seconds += facts["seconds"]
        hopeless = study.report(claim, len(found), float(np.mean(found)))
        if hopeless and len(found) < len(objective.folds):
            break
    facts = {"folds": found, "seconds": seconds} | ({"epochs": epochs} if epochs else {})
    if len(found) < len(objective.folds):
        study.prune(claim, facts)
    else:
        study.finish(claim, float(np.mean(found)), facts)


def _try_together(study: SharedStudy, objective: Valued, claims: Sequence[Claim]) -> None:
    started = time.perf_counter()
    values = objective.family_values([claim.point for claim in claims])
    seconds = (time.perf_counter() - started) / len(claims)
    for claim, folds in zip(claims, values, strict=True):
        study.finish(claim, float(np.mean(folds)), {"folds": folds, "seconds": seconds})
