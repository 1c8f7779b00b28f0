"""All six metrics of 20,000 sessions at 10 and 20, beside three of them by ranx.

Run with `python benchmarks/metrics.py`.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import ranx

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.common import record  # noqa: E402
from llmseqrec.evaluation.metrics import ItemCounts, evaluate  # noqa: E402

TARGET = 0.2  # seconds on two cores
SESSIONS, LENGTH, ITEMS, ROWS, POPULAR = 20_000, 20, 12_101, 198_502, 600
RANX_NAMES = {"ndcg": "ndcg", "hr": "hit_rate", "mrr": "mrr"}


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main(repeats: int) -> None:
    """Time both in turn, check that they agree, record the case."""
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, ITEMS + 1)
    counts = ItemCounts(rng.multinomial(ROWS, shares / shares.sum()))
    # Lists without repeats, which ranx does not take, from the most popular items.
    lists = np.argsort(rng.random((SESSIONS, POPULAR), dtype=np.float32))[:, :LENGTH].astype(
        np.int32
    )
    targets = rng.integers(0, POPULAR, SESSIONS).astype(np.int32)
    names = [f"{name}@{k}" for name in RANX_NAMES.values() for k in (10, 20)]

    def ours() -> dict[str, float]:
        return evaluate(lists, targets, counts, [10, 20], ITEMS).aggregate

    def from_arrays() -> dict[str, float]:
        truth = ranx.Qrels({str(s): {str(t): 1} for s, t in enumerate(targets)})
        run = ranx.Run(
            {
                str(s): {str(item): float(LENGTH - rank) for rank, item in enumerate(row)}
                for s, row in enumerate(lists)
            }
        )
        return dict(ranx.evaluate(truth, run, names))

    theirs, mine = from_arrays(), ours()  # ranx compiles in its first call
    agree = all(
        np.isclose(mine[f"{name}@{k}"], theirs[f"{other}@{k}"])
        for name, other in RANX_NAMES.items()
        for k in (10, 20)
    )
    print(f"ndcg, hit rate and mrr {'agree' if agree else 'DISAGREE'} with ranx")
    rounds = [(seconds(ours), seconds(from_arrays)) for _ in range(repeats)]
    ours_s, ranx_s = np.median(rounds, axis=0)
    record(
        {
            "name": "metrics",
            "ours": ours_s,
            "baseline": ranx_s,
            "unit": "s; baseline: ranx, ndcg, hit_rate and mrr only, with its own input format",
            "ratio": ours_s / ranx_s,
            "target": TARGET,
            "met": bool(ours_s <= TARGET and agree),
        }
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    main(parser.parse_args().repeats)
