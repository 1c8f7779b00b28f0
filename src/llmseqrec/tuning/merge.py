"""The studies of a search's variants as one result: all trials, and the best one."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import orjson
import pandas as pd
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import FrozenTrial, TrialState

from llmseqrec.contracts import TRIALS, read_json, write_json, write_table
from llmseqrec.errors import FileError, InputError
from llmseqrec.registry import MODELS
from llmseqrec.resolve import ResolvedRun
from llmseqrec.tuning.importance import importance
from llmseqrec.tuning.journal import told_if_damaged
from llmseqrec.tuning.objective import METRIC, run_at
from llmseqrec.tuning.study import counts
from llmseqrec.tuning.worker import Task
from llmseqrec.whole_yaml import write_yaml


def read_trials(folder: Path) -> list[FrozenTrial]:
    """The trials of a study that are done, by number.

    Raises:
        InputError: its journal is gone, or damaged.
    """
    path = folder / "journal.log"
    if not path.is_file():
        raise InputError(f"{path}: no such file; delete the outputs of tune_model to search again")
    with told_if_damaged(path):
        study = optuna.load_study(
            study_name=None, storage=JournalStorage(JournalFileBackend(str(path)))
        )
    return [t for t in study.get_trials(deepcopy=False) if t.state.is_finished() and counts(t)]


def _trials_of(worker: Path) -> list[FrozenTrial]:
    """The trials of a worker's study: no fewer than it says that it did."""
    told = read_json(worker)
    found = read_trials(Path(told["study"]))
    if len(found) < told.get("done", 0):
        raise FileError(
            f"{told['study']}/journal.log: cut off: {len(found)} trials of {told['done']}; delete"
            f" {worker} to search again"
        )
    return found


def trial_table(studies: Mapping[str, tuple[Task, list[FrozenTrial]]]) -> pd.DataFrame:
    """Trials of all variants (contract TRIALS); wall times are left out."""
    rows = []
    for variant, (task, trials) in studies.items():
        for place, trial in enumerate(trials):
            facts = trial.user_attrs["facts"]
            complete = trial.state == TrialState.COMPLETE
            rows.append(
                {
                    "variant": variant,
                    "trial": place,
                    "state": trial.state.name.lower(),
                    METRIC: trial.value if complete else None,
                    "folds": facts.get("folds", []),
                    "epochs": facts.get("epochs", []),
                    "parameters": orjson.dumps(
                        dict(task.fixed) | trial.params, option=orjson.OPT_SORT_KEYS
                    ).decode(),
                    "reason": facts.get("reason", ""),
                }
            )
    frame = pd.DataFrame(rows, columns=list(TRIALS.columns))
    return frame.sort_values(["variant", "trial"], ignore_index=True).astype(
        {"trial": "int32", METRIC: "float64"}
    )


def best_of(frame: pd.DataFrame, tasks: Mapping[str, Task]) -> dict[str, Any]:
    """The best trial as something a run can be made of.

    Args:
        frame: as `trial_table` gives it.
        tasks: of each variant.

    Returns:
        Content of best.yaml: the searched values, all parameters, the files of the item vectors,
        the value on the folds, and how many trials there were.

    Raises:
        InputError: no trial was completed.
    """
    complete = frame[frame["state"] == "complete"]
    if complete.empty:
        reasons = [reason for reason in frame["reason"] if reason] or ["there was none"]
        raise InputError(f"search: no trial was completed; the first one: {reasons[0]}")
    row = complete.sort_values(METRIC, ascending=False, kind="stable").iloc[0]
    chosen = orjson.loads(row["parameters"])
    task = tasks[row["variant"]]
    candidate = _candidate(task, chosen)
    run = run_at(ResolvedRun.model_validate(candidate["run"]), chosen, task.components)
    kept = run.model_dump(mode="json", include={"embedding", "reduction", "components"})
    return {
        "model": task.model,
        "variant": row["variant"],
        "trial": int(row["trial"]),
        "value": float(row[METRIC]),
        "metric": METRIC,
        "folds": [float(value) for value in row["folds"]],
        "chosen": chosen,
        "parameters": run.parameters | _epochs(task, list(row["epochs"])),
        "embedding": candidate["embedding"],
        "reduction": candidate["reduction"],
        "run": kept,
        "vectors": candidate["vectors"],
        "fitted": candidate["fitted"],
        "trials": {str(k): int(v) for k, v in sorted(frame["state"].value_counts().items())},
    }


def merge_search(
    workers: Mapping[str, Path], tasks: Mapping[str, Task], beside: Mapping[str, Any], to: Path
) -> None:
    """Write best.yaml, trials.parquet and importance.json into a folder.

    Args:
        workers: what a worker of each variant wrote.
        tasks: of each variant.
        beside: what best.yaml tells besides: `published`, what the study chose, and `left_out`, the
            embeddings that could not be had, with the reasons.
        to: the folder.
    """
    studies = {variant: (tasks[variant], _trials_of(path)) for variant, path in workers.items()}
    frame = trial_table(studies)
    best = best_of(frame, tasks) | {"published": {}, "left_out": {}} | dict(beside)
    write_table(frame, to / "trials.parquet", TRIALS)
    write_json(
        {name: importance(trials) for name, (_, trials) in studies.items()}, to / "importance.json"
    )
    write_yaml(best, to / "best.yaml")


def _candidate(task: Task, chosen: Mapping[str, Any]) -> Mapping[str, Any]:
    own = task.candidates[0]
    names = [chosen.get(name, own[name]) for name in ("embedding", "reduction")]
    return next(c for c in task.candidates if [c["embedding"], c["reduction"]] == names)


def _epochs(task: Task, epochs: list[int]) -> dict[str, Any]:
    """How long the winner is trained, where it is trained in epochs."""
    if not MODELS[task.model].neural or task.search.epochs == "inner" or not epochs:
        return {}
    median = round(statistics.median(epochs))
    return {"max_epochs": median, "patience": None, "refit": True}
