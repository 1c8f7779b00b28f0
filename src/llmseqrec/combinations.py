"""What a combined run chooses on validation prompts: a cut-off, a rank, weights.

Every option is scored on each part by components that were fitted on that part: the three folds of
a temporal split, each asked its own validation sessions, or the training sessions of leave-one-out
with its validation items. The best mean NDCG@20 wins, the first of equal ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseqrec.errors import InputError
from llmseqrec.evaluation.gains import target_gains
from llmseqrec.models.combined import Combined
from llmseqrec.models.combined_parameters import Option
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles, build
from llmseqrec.sessions import Prompts, Sessions

CUTOFF = 20


def choose_combination(
    run: ResolvedRun, parts: Sequence[tuple[RunFiles, Path]], identity: Identity
) -> dict[str, Any]:
    """Try all options of a combined run.

    Args:
        run: the combined run.
        parts: for each part the files of the run, with components fitted on it, and the folder of
            its validation prompts.
        identity: seed and device.

    Returns:
        `metric`, `prompts` (their number in each part), `chosen`, and `tried`: for each option its
        value on each part and their mean.

    Raises:
        InputError: there is no validation prompt.
    """
    options = run.options
    values, counts = [], []
    for files, folder in parts:
        prompts = Prompts.load(folder)
        if not len(prompts.targets):
            raise InputError(f"{folder}: no prompts to choose on; more sessions or fewer folds")
        values.append(mean_ndcg(_fitted(run, files, identity), prompts, options))
        counts.append(len(prompts.targets))
    table = np.array(values)  # (n_parts, n_options)
    means = table.mean(axis=0)
    return {
        "metric": f"ndcg@{CUTOFF}",
        "prompts": counts,
        "chosen": options[int(means.argmax())],
        "tried": [
            {"option": option, "mean": mean, "parts": each}
            for option, mean, each in zip(options, means, table.T.tolist(), strict=True)
        ],
    }


def fold_files(files: RunFiles, inputs: Any, n_components: int) -> list[tuple[RunFiles, Path]]:
    """Files of every part from a job's inputs.

    Args:
        files: what all parts share.
        inputs: `part_train` and `part_prompts` have one folder a part, `part_components` as many
            models a part as there are components, part after part.
        n_components: how many there are.
    """
    models = [Path(path) for path in inputs.part_components]
    return [
        (
            replace(
                files,
                train=Path(train),
                components=tuple(models[number * n_components : (number + 1) * n_components]),
            ),
            Path(prompts),
        )
        for number, (train, prompts) in enumerate(
            zip(inputs.part_train, inputs.part_prompts, strict=True)
        )
    ]


def _fitted(run: ResolvedRun, files: RunFiles, identity: Identity) -> Combined[Any]:
    """The combined recommender of one part, without a choice."""
    recommender = build(run, files, identity.setting(run))
    if not isinstance(recommender, Combined) or files.train is None:
        raise ValueError("a combined run and its training sessions are needed")
    recommender.fit(Sessions.load(files.train))
    return recommender


def mean_ndcg(
    recommender: Combined[Any], prompts: Prompts, options: Sequence[Option]
) -> NDArray[np.float64]:
    """(n_options,) mean NDCG@20 over the prompts, computed batch by batch."""
    totals = np.zeros(len(options))
    start = 0
    for batch in prompts.sessions.batches(recommender.batch_size):
        targets = prompts.targets[start : start + len(batch)]
        for place, scores in enumerate(recommender.score_options(batch, options)):
            totals[place] += target_gains(scores, targets, CUTOFF).sum()
        start += len(batch)
    return totals / len(prompts.targets)
