"""Metrics of every run on slices of the test sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from llmseqrec.evaluation.bootstrap import mean_intervals
from llmseqrec.evaluation.slices import BINS, PROMPT, TARGET, Bin
from llmseqrec.sessions import Prompts, Sessions
from llmseqrec.summary import BOOTSTRAP_SEED, SessionValues

ACCURACY = ("ndcg@", "hr@", "mrr@")
DRAWS = 1000  # of an interval: half the leaderboard's, for fourteen times as many of them


def slice_metrics(folders: Mapping[str, Sequence[str]], prompts: Path, train: Path) -> pd.DataFrame:
    """Accuracy of every run on every bin (contract SLICES), means over seeds.

    Args:
        folders: seed folders of each run.
        prompts: folder of the test prompts.
        train: folder of the training sessions.
    """
    asked = Prompts.load(prompts)
    counts = slice_counts(asked, Sessions.load(train))
    ids = asked.sessions.session_ids
    members = [ids[found.holds(counts[found.slice])] for found in BINS]
    by_run = []
    for run, seeds in folders.items():  # one after the other: the values of one are held
        values = _accuracy(SessionValues.read(seeds))
        each = zip(BINS, members, strict=True)
        by_run.append([_rows(found, run, values, sessions) for found, sessions in each])
    by_bin = zip(*by_run, strict=True)
    made: pd.DataFrame = pd.concat([rows for each in by_bin for rows in each], ignore_index=True)
    return made


def slice_counts(prompts: Prompts, train: Sessions) -> dict[str, NDArray[np.int64]]:
    """(n_prompts,) what the bins of each slice are ranges of."""
    n_items = 1 + max(int(prompts.targets.max(initial=-1)), int(train.items.max(initial=-1)))
    occurrences = np.bincount(train.items, minlength=n_items)
    return {TARGET: occurrences[prompts.targets], PROMPT: prompts.sessions.lengths}


def _accuracy(values: SessionValues) -> SessionValues:
    """The metrics of accuracy alone."""
    chosen = [n for n, name in enumerate(values.metrics) if name.startswith(ACCURACY)]
    names = [values.metrics[n] for n in chosen]
    return SessionValues(values.sessions, names, values.scores[:, :, chosen])


def _rows(found: Bin, run: str, values: SessionValues, sessions: NDArray[np.int32]) -> pd.DataFrame:
    """The metrics of one run in one bin; sessions that the run has no value for do not count."""
    scores = values.of(values.sessions.intersection(pd.Index(sessions)))
    nothing = np.full(len(values.metrics), np.nan)
    means, low, high = nothing, nothing, nothing
    if scores.shape[1]:
        drawn = mean_intervals(scores, np.random.default_rng(BOOTSTRAP_SEED), draws=DRAWS)
        means, low, high = scores.mean(axis=(0, 1)), drawn.low, drawn.high
    return pd.DataFrame(
        {
            "slice": found.slice,
            "bin": found.name,
            "lowest": found.lowest,
            "highest": pd.array([found.highest] * len(means), dtype="Int32"),
            "run": run,
            "metric": values.metrics,
            "sessions": scores.shape[1],
            "value": means,
            "ci_low": low,
            "ci_high": high,
        }
    )
