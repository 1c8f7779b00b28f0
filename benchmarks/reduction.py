"""Principal components of 12,101 x 1,536 vectors: exact, beside scikit-learn's randomised solver.

Run with `python -m benchmarks reduction`. The vectors are generated, with variances that fall as
those of texts do; 512 components are asked for, the widest of the study's search. Timed in turn.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.common import record  # noqa: E402
from llmseqrec.reduction.principal import principal  # noqa: E402

ITEMS, WIDTH, DIMENSIONS = 12_101, 1_536, 512
TARGET = 2.0


def vectors() -> np.ndarray:
    """Unit vectors with a common part and variances that fall as a power of their rank."""
    rng = np.random.default_rng(0)
    scales = np.arange(1, WIDTH + 1) ** -0.6
    rows = rng.normal(size=(ITEMS, WIDTH)) * scales
    rows[:, 0] += 5.0
    unit: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def main(rounds: int) -> None:
    """Time both in turn, compare what they explain, record the case."""
    rows = vectors()
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        exact = principal(rows)
        between = time.process_time()
        randomised = PCA(DIMENSIONS, svd_solver="randomized", random_state=0).fit(rows)
        seconds.append((between - start, time.process_time() - between))
    ours, baseline = np.median(seconds, axis=0)
    lost = exact.explained(DIMENSIONS) - randomised.explained_variance_ratio_.sum()
    print(f"variance that {DIMENSIONS} randomised components miss: {lost:.2e}")
    record(
        {
            "name": "reduction",
            "ours": ours,
            "baseline": baseline,
            "unit": f"s of processor time, {ITEMS:,} x {WIDTH:,}",
            "ratio": baseline / ours,
            "target": TARGET,
            "met": bool(baseline / ours >= TARGET),
        }
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    main(parser.parse_args().rounds)
