"""What a run recommends when another item of the prompt stands last (study, Figure 10).

The study gives no procedure. Here an item is moved to the end and the others keep their order, so
that a model is told of the same items at every position and only the order differs; target and
sessions stay the same too.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles, build
from llmseqrec.sessions import Prompts, Sessions
from llmseqrec.tuned import as_tuned


def position_hits(
    run: ResolvedRun, files: RunFiles, identity: Identity, prompts: Path, size: tuple[int, int]
) -> dict[str, Any]:
    """Hits of a fitted run with each of the latest positions treated as last.

    Args:
        run: resolved.
        files: of the run, with its fitted model.
        identity: seed and device.
        prompts: folder of the test prompts; those of fewer than `depth` items are left out.
        size: depth, how many positions, and k of the hits.

    Returns:
        `sessions` that were asked, `cutoff`, and `hits`, their number for each position, that of
        the prompt as it is first.
    """
    depth, k = size
    run, files = as_tuned(run, files)
    if files.model is None:
        raise ValueError("a fitted model is needed")
    recommender = build(run, files, identity.setting(run))
    recommender.load(files.model.parent)
    asked = long_prompts(Prompts.load(prompts), depth)
    hits = []
    for position in range(1, depth + 1) if len(asked.targets) else []:
        items, _ = recommender.recommend(moved_last(asked.sessions, position), k)
        hits.append(int((items == asked.targets[:, None]).any(axis=1).sum()))
    return {"sessions": len(asked.targets), "cutoff": k, "hits": hits or [0] * depth}


def long_prompts(prompts: Prompts, least: int) -> Prompts:
    """The prompts with at least so many items."""
    chosen = prompts.sessions.lengths >= least
    kept = prompts.sessions.select(chosen[prompts.sessions.rows], chosen)
    return Prompts(kept, np.asarray(prompts.targets)[chosen])


def moved_last(sessions: Sessions, position: int) -> Sessions:
    """The item at a position, 1 for the last one, moved to the end; times stay where they are."""
    ages = np.where(sessions.ages == position, 0, sessions.ages)
    order = np.lexsort((-ages, sessions.rows))
    return replace(sessions, items=sessions.items[order])
