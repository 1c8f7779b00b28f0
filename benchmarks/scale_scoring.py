"""Scoring a million items: rate of a slice of sessions, beside the bare product and by peak memory.

Run with `python -m benchmarks scale_scoring`. The baseline is the bare product alone, by torch into
a reused buffer, of the same queries and a block of items that repeats; the time of a million
sessions is that of the slice, multiplied: queries do not depend on each other.
"""

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.common import record  # noqa: E402
from llmseqrec.evaluation.ranking import MAX_BLOCK_COLUMNS, MAX_CHUNK_ROWS, rank_dot  # noqa: E402

ITEMS, SESSIONS, TOP, SEEN = 1_000_000, 1_000_000, 20, 9
TARGET = 1.5  # times the bare product


def bare(queries: np.ndarray, table: np.ndarray) -> float:
    """Processor seconds of the product alone."""
    rows, items = torch.from_numpy(queries), torch.from_numpy(table)
    buffer = torch.empty((MAX_CHUNK_ROWS, MAX_BLOCK_COLUMNS))
    started = time.process_time()
    for start in range(0, len(rows), MAX_CHUNK_ROWS):
        some = rows[start : start + MAX_CHUNK_ROWS]
        for first in range(0, len(items), MAX_BLOCK_COLUMNS):
            block = items[first : first + MAX_BLOCK_COLUMNS]
            torch.mm(some, block.T, out=buffer[: len(some), : len(block)])
    return time.process_time() - started


def main(sessions: int, dim: int, items: int) -> None:
    """Score a slice of the sessions and record the case."""
    rng = np.random.default_rng(0)
    table = rng.standard_normal((items, dim), dtype=np.float32)
    queries = rng.standard_normal((sessions, dim), dtype=np.float32)
    seen = (np.arange(sessions + 1) * SEEN, rng.integers(0, items, sessions * SEEN, dtype=np.int32))
    product = bare(queries, table)
    started = time.process_time()
    rank_dot(queries, table, seen, TOP)
    ours = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    whole = SESSIONS / sessions
    record(
        {
            "name": f"scale_scoring_{dim}",
            "ours": ours,
            "baseline": product,
            "unit": f"s of processor time, {sessions:,} sessions x {items:,} items x {dim}",
            "ratio": ours / product,
            "target": TARGET,
            "met": ours / product <= TARGET,
            "gflops_of_product": 2e-9 * sessions * items * dim / product,
            "hours_of_all_sessions": ours * whole / 3600,
            "peak_gib": peak,
        }
    )
    print(f"{whole:.0f} such slices: {ours * whole / 3600:.2f} h; peak {peak:.2f} GiB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=4_096)
    parser.add_argument("--dim", type=int, nargs="+", default=[64, 384])
    parser.add_argument("--items", type=int, default=ITEMS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for width in given.dim:
        main(given.sessions, width, given.items)
