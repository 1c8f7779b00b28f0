"""Full-catalogue scoring, seen-item filter and top-20 of Beauty's shape, beside the bare product.

The baseline is the product alone, all sessions by all items in float32, into a reused buffer: the
fastest, by the median, of numpy and torch at several chunk sizes. All are timed in turn, round by
round. On a busy machine the ratio means nothing, so no target counts as met where the baseline got
less than nine tenths of the cores. Run with `python benchmarks/scoring.py`.
"""

import argparse
import itertools
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.common import record  # noqa: E402
from llmseqrec.evaluation.ranking import rank_dot, top_k  # noqa: E402

TARGETS = {64: 1.9, 384: 1.3}  # dimensions to times the bare product
SESSIONS, ITEMS, TOP = 22_363, 12_101, 20
CHUNKS = (128, 256, 512, 1024)


def numpy_product(queries: np.ndarray, table: np.ndarray, chunk: int) -> None:
    """The bare product by numpy; a table stored by columns is its faster layout."""
    columns = np.ascontiguousarray(table.T)
    buffer = np.empty((chunk, len(table)), dtype=np.float32)
    for start in range(0, len(queries), chunk):
        part = queries[start : start + chunk]
        np.matmul(part, columns, out=buffer[: len(part)])


def torch_product(queries: np.ndarray, table: np.ndarray, chunk: int) -> None:
    """The bare product by torch."""
    rows, columns = torch.from_numpy(queries), torch.from_numpy(table).T
    buffer = torch.empty((chunk, len(table)))
    for start in range(0, len(rows), chunk):
        part = rows[start : start + chunk]
        torch.mm(part, columns, out=buffer[: len(part)])


def seen_items(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Sessions of 4 to 13 seen items, as compressed rows."""
    lengths = rng.integers(4, 14, SESSIONS)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return offsets, rng.integers(0, ITEMS, offsets[-1]).astype(np.int32)


def is_exact(queries: np.ndarray, table: np.ndarray, seen: tuple[np.ndarray, np.ndarray]) -> bool:
    """Whether the filtered lists of the first sessions are those of a full sort."""
    some = 256
    scores = queries[:some] @ table.T
    rows = np.repeat(np.arange(some), np.diff(seen[0][: some + 1]))
    scores[rows, seen[1][: seen[0][some]]] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :TOP]
    listed = rank_dot(queries[:some], table, (seen[0][: some + 1], seen[1]), TOP)[1]
    best = np.take_along_axis(scores, order, axis=1)
    return np.array_equal(top_k(scores, TOP)[0], order) and np.allclose(listed, best, rtol=1e-4)


def measure(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """Median wall and processor seconds of each, taken in turn."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            if number:  # the first round warms up
                times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: tuple(np.median(values, axis=0).tolist()) for name, values in times.items()}


def case(dim: int, rounds: int) -> None:
    """Time one number of dimensions and record it."""
    rng = np.random.default_rng(dim)
    queries = rng.standard_normal((SESSIONS, dim), dtype=np.float32)
    table = rng.standard_normal((ITEMS, dim), dtype=np.float32)
    seen = seen_items(rng)
    products = {"numpy": numpy_product, "torch": torch_product}
    works: dict[str, Callable[[], object]] = {
        f"{name}, chunks of {chunk}": partial(product, queries, table, chunk)
        for (name, product), chunk in itertools.product(products.items(), CHUNKS)
    }
    works["ours"] = partial(rank_dot, queries, table, seen, TOP)
    medians = measure(works, rounds)
    ours, _ = medians.pop("ours")
    fastest = min(medians, key=medians.__getitem__)
    baseline, processor = medians[fastest]
    quiet = processor / baseline >= 0.9 * len(os.sched_getaffinity(0))
    exact = is_exact(queries, table, seen)
    print(f"lists {'equal' if exact else 'DIFFER from'} those of a full sort")
    if not quiet:
        print(f"the machine is busy: {processor / baseline:.2f} cores obtained; measure again")
    record(
        {
            "name": f"scoring_{dim}",
            "ours": ours,
            "baseline": baseline,
            "unit": f"s; baseline: bare product by {fastest}",
            "ratio": ours / baseline,
            "target": TARGETS[dim],
            "met": bool(ours / baseline <= TARGETS[dim] and exact and quiet),
            "cores_obtained": processor / baseline,
            "all_baselines": {name: wall for name, (wall, _) in medians.items()},
        }
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    for dimensions in TARGETS:
        case(dimensions, arguments.rounds)
