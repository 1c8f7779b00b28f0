"""Searches: configurations of LLMSeqSim a minute, cost of the machinery, memory of a worker.

`LLMSEQREC_BENCH_SEARCH` may name a folder with the prepared folds of a dataset, such as
results/beauty, that holds items.parquet, published/fold1..3 and embeddings/minilm.npy; without it
data of Beauty's size are drawn. Time is processor time, since other jobs may share the machine.
"""

import os
import resource
import tempfile
import time
from pathlib import Path
from typing import get_args

import numpy as np

from benchmarks.common import record
from llmseqrec.config_search import Range, Search
from llmseqrec.models.base import Catalogue, Setting
from llmseqrec.models.parameters import LLMSeqSimParameters, SimilarityDecay
from llmseqrec.models.similarity import LLMSeqSim
from llmseqrec.sessions import Prompts, Sessions
from llmseqrec.tuning.families import similarity_means
from llmseqrec.tuning.space import Space
from llmseqrec.tuning.study import Ended, SharedStudy

BEAUTY = (12_101, 4_473, 384)  # items, prompts of a fold, columns of MiniLM
STEAM = (13_044, 70_000, 384)
DECAYS = (None, *get_args(SimilarityDecay))


def drawn(n_items: int, n_prompts: int, dim: int) -> tuple[np.ndarray, Prompts]:
    """Vectors and prompts of a size."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 15, n_prompts)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    items = rng.integers(0, n_items, offsets[-1], dtype=np.int32)
    sessions = Sessions(offsets, items, np.arange(n_prompts, dtype=np.int32))
    vectors = rng.standard_normal((n_items, dim)).astype(np.float32)
    return vectors, Prompts(sessions, rng.integers(0, n_items, n_prompts, dtype=np.int32))


def family(vectors: np.ndarray, folds: list[Prompts]) -> int:
    """Score all poolings of one embedding on the folds; how many there are."""
    options = [LLMSeqSimParameters(decay=decay) for decay in DECAYS]
    options.append(LLMSeqSimParameters(pooling="last"))
    recommender = LLMSeqSim(options[0], Catalogue(len(vectors), vectors), Setting())
    for prompts in folds:
        similarity_means(recommender, prompts, options)
    return len(options)


def configurations() -> None:
    """LLMSeqSim on three folds of Beauty."""
    named = os.environ.get("LLMSEQREC_BENCH_SEARCH")
    if named:
        vectors = np.load(Path(named) / "embeddings" / "minilm.npy")
        folds = [Prompts.load(Path(named) / f"published/fold{n}/valid") for n in (1, 2, 3)]
    else:
        made = [drawn(*BEAUTY) for _ in range(3)]
        vectors, folds = made[0][0], [prompts for _, prompts in made]
    started = time.process_time()
    count = family(vectors, folds)
    minute = 60 * count / (time.process_time() - started)
    record(
        {
            "name": "search_llm_seq_sim",
            "ours": minute,
            "baseline": 50.0,
            "unit": "configurations/min of processor time",
            "ratio": minute / 50,
            "target": 1.0,
            "met": minute >= 50,
            "data": named or "drawn",
        }
    )


def overhead() -> None:
    """What a trial costs beside its training: taking, three reports, finishing; TPE from 40 on."""
    ranges = {f"p{n}": Range(low=0, high=99, step=1) for n in range(9)}
    search = Search(run="r", dataset="d", split="s", trials=120, patience=None)
    with tempfile.TemporaryDirectory() as folder:
        study = SharedStudy(Path(folder), Space(ranges, {}), search)
        started = time.process_time()
        with study.working():
            while not isinstance(taken := study.take(), Ended):
                for claim in taken:
                    for fold in (1, 2, 3):
                        study.report(claim, fold, float(claim.number))
                    study.finish(claim, float(claim.number), {"seconds": 0.0})
        each = 1000 * (time.process_time() - started) / 120
    record(
        {
            "name": "search_overhead",
            "ours": each,
            "baseline": 50.0,
            "unit": "ms a trial, 120 trials of 9 names",
            "ratio": 50 / each,
            "target": 1.0,
            "met": each <= 50,
        }
    )


def memory() -> None:
    """Peak of a process that scores a family on a fold of Steam's size; no target was set."""
    vectors, prompts = drawn(*STEAM)
    family(vectors, [prompts])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    record(
        {
            "name": "search_memory_steam",
            "ours": peak,
            "baseline": 4000.0,
            "unit": "MB, the job's mem_mb as baseline",
            "ratio": 4000 / peak,
            "target": 1.0,
            "met": peak <= 4000,
        }
    )


if __name__ == "__main__":
    configurations()
    overhead()
    memory()
