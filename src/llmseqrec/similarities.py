"""Item vectors compared without training: LLMSeqSim (study, §3.1) on the validation folds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from llmseqrec.contracts import ITEMS, read_table
from llmseqrec.evaluation.metrics import ItemCounts, evaluate
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles, build
from llmseqrec.sessions import Prompts

NDCG, HR = "ndcg@{}", "hr@{}"


@dataclass(frozen=True)
class Variant:
    """One way to compare sessions with items.

    Attributes:
        run: LLMSeqSim with its embedding and reduction.
        labels: names of embedding, reduction and decay.
        files: catalogue, vectors and, where they are reduced, the reduction.
    """

    run: ResolvedRun
    labels: Mapping[str, str]
    files: RunFiles

    @classmethod
    def of(cls, content: Mapping[str, Any], catalogue: Path) -> Variant:
        """Take a variant from a job's parameters."""
        files = RunFiles(
            catalogue=catalogue,
            vectors=Path(content["vectors"]),
            reduction=Path(content["fitted"]) if content["fitted"] else None,
        )
        return cls(ResolvedRun.model_validate(content["run"]), content["labels"], files)


def compare_similarities(
    variants: Sequence[Variant], folds: Mapping[str, Path], k: int
) -> pd.DataFrame:
    """Mean NDCG and HR at k over the folds of every variant, best first.

    Args:
        variants: what is asked.
        folds: folder of the validation prompts of each fold.
        k: cut-off.

    Returns:
        Labels, template, dimensions, NDCG and HR at k, and NDCG at k of every fold.

    Raises:
        InputError: files of a variant do not belong together.
    """
    prompts = {fold: Prompts.load(folder) for fold, folder in folds.items()}
    n_items = len(read_table(variants[0].files.catalogue, ITEMS))
    rows = [
        _row(variant, prompts, n_items, k)
        for variant in tqdm(variants, unit="variant", disable=None)
    ]
    frame = pd.DataFrame(rows)
    return frame.sort_values(NDCG.format(k), ascending=False, kind="stable", ignore_index=True)


def _row(
    variant: Variant, prompts: Mapping[str, Prompts], n_items: int, k: int
) -> dict[str, object]:
    recommender = build(variant.run, variant.files, Identity(seed=0).setting(variant.run))
    vectors, embedding = recommender.catalogue.vectors, variant.run.embedding
    if vectors is None or embedding is None:
        raise ValueError("a variant needs vectors")
    found = {}
    for fold, asked in prompts.items():
        items, _ = recommender.recommend(asked.sessions, k)
        counts = ItemCounts.from_items(asked.sessions.items, n_items)
        found[fold] = evaluate(items, asked.targets, counts, [k]).aggregate
    return {
        **variant.labels,
        "template": embedding.template or "",
        "dimensions": vectors.shape[1],
        NDCG.format(k): _mean(values[NDCG.format(k)] for values in found.values()),
        HR.format(k): _mean(values[HR.format(k)] for values in found.values()),
        **{fold: values[NDCG.format(k)] for fold, values in found.items()},
    }


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
