"""How much a result depends on the arbitrary order of tied interactions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llmseqrec.config import LeaveOneOut, Temporal
from llmseqrec.contracts import INTERACTIONS, read_table
from llmseqrec.data.ordering import shuffle_ties
from llmseqrec.data.splits import Part, make_part, membership_of, read_sessions
from llmseqrec.evaluation.metrics import ItemCounts, evaluate
from llmseqrec.evaluation.results import read_item_counts
from llmseqrec.models.base import Recommender
from llmseqrec.models.combined import Combined
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles, build
from llmseqrec.tuned import as_tuned

REFIT_BELOW_SECONDS = 10.0


@dataclass(frozen=True)
class TieStudy:
    """What is shuffled and how often.

    Attributes:
        folder: the prepared dataset.
        split: its protocol; the test membership does not change, the order inside a tie does.
        shuffles: number of random orders.
        cutoffs: of the metrics.
    """

    folder: Path
    split: Temporal | LeaveOneOut
    shuffles: int
    cutoffs: list[int]


def tie_sensitivity(
    run: ResolvedRun, files: RunFiles, study: TieStudy, identity: Identity
) -> dict[str, Any]:
    """Metrics of a run under shuffles of tied interactions.

    A training-free run is fitted anew for each shuffle where the first fit takes under ten
    seconds, and always under leave-one-out, where another order moves items between training and
    test; elsewhere the fitted model stays and only the test prompts are shuffled. What a run
    combines is fitted anew with it.

    Returns:
        `refitted`, `tied_share` of interactions, and `metrics`: one dictionary a shuffle.
    """
    run, files = as_tuned(run, files)
    interactions = read_table(study.folder / "interactions.parquet", INTERACTIONS)
    counts = read_item_counts(study.folder)
    listed = membership_of(study.folder, study.split)

    def parts_of_study() -> Iterator[Part]:
        for number in range(1, study.shuffles + 1):
            rng = np.random.default_rng([identity.seed, number])
            shuffled = read_sessions(shuffle_ties(interactions, rng))
            yield make_part(shuffled, study.split, "full", listed)

    recommender = build(run, files, identity.setting(run))
    refit = _fits_fast(recommender, run, next(parts_of_study()), study.split)
    if not refit:
        recommender.load(_model_folder(files))
    found = []
    for part in parts_of_study():
        if refit:
            recommender = build(run, files, identity.setting(run))
            _fit(recommender, part)
        found.append(_metrics(recommender, part, counts, study.cutoffs))
    return {"refitted": refit, "tied_share": tied_share(interactions), "metrics": found}


def tied_share(interactions: pd.DataFrame) -> float:
    """Share of interactions that share their time stamp with another one of their session."""
    tied = interactions.duplicated(["session_id", "timestamp"], keep=False)
    return float(tied.mean())


def _metrics(
    recommender: Recommender[Any], part: Part, counts: ItemCounts, cutoffs: list[int]
) -> dict[str, float]:
    prompts = part.prompts["test"]
    items, _ = recommender.recommend(prompts.sessions, max(cutoffs))
    return evaluate(items, prompts.targets, counts, cutoffs, len(counts.counts)).aggregate


def _fits_fast(
    recommender: Recommender[Any], run: ResolvedRun, part: Part, split: Temporal | LeaveOneOut
) -> bool:
    """Whether to fit anew for every shuffle; tries one fit where that is not known."""
    if run.neural:
        return False
    if isinstance(split, LeaveOneOut):
        return True
    started = time.perf_counter()
    _fit(recommender, part)
    return time.perf_counter() - started < REFIT_BELOW_SECONDS


def _fit(recommender: Recommender[Any], part: Part) -> None:
    """Fit a recommender and all that it combines; what was chosen for it stays."""
    if isinstance(recommender, Combined):
        for component in recommender.components:
            _fit(component, part)
    recommender.fit(part.train, part.prompts.get("valid"))


def _model_folder(files: RunFiles) -> Path:
    if files.model is None:
        raise ValueError("a fitted model is needed")
    return files.model.parent
