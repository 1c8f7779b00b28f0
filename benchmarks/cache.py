"""Reading 12,101 paid vectors of 1,536 dimensions out of the cache, beside one .npy file.

Run with `python benchmarks/cache.py`.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.common import record  # noqa: E402
from llmseqrec.services.cache import Paid, Source, VectorCache  # noqa: E402

TARGET = 0.5  # seconds
ITEMS, DIMENSIONS, REQUEST = 12_101, 1_536, 2_048
SOURCE = Source("openai", "https://api.openai.com/v1", "text-embedding-3-small")


def fill(cache: VectorCache, texts: list[str], vectors: np.ndarray) -> float:
    """Seconds it takes to commit all vectors, a request at a time."""
    start = time.perf_counter()
    for first in range(0, len(texts), REQUEST):
        rows = slice(first, first + REQUEST)
        bought = zip(texts[rows], vectors[rows], strict=True)
        cache.add(SOURCE, {text: Paid(vector, 20.0, 4e-7) for text, vector in bought})
    return time.perf_counter() - start


def main(repeats: int) -> None:
    """Fill a cache, read it and the plain file in turn, check that they agree."""
    rng = np.random.default_rng(0)
    texts = [
        f"Title of item {number} {'x' * int(rng.integers(20, 120))}" for number in range(ITEMS)
    ]
    vectors = rng.normal(size=(ITEMS, DIMENSIONS)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        cache = VectorCache(Path(folder) / "cache.sqlite")
        written = fill(cache, texts, vectors)
        np.save(Path(folder) / "vectors.npy", vectors)
        rounds = []
        for _ in range(repeats):
            start = time.perf_counter()
            found = cache.read(SOURCE, texts)
            middle = time.perf_counter()
            np.load(Path(folder) / "vectors.npy")
            rounds.append((middle - start, time.perf_counter() - middle))
        agree = bool((found == vectors).all())
        size = cache.database.path.stat().st_size
    ours, plain = np.median(rounds, axis=0)
    record(
        {
            "name": "cache",
            "ours": ours,
            "baseline": plain,
            "unit": "s; baseline: numpy's load of the same numbers",
            "ratio": ours / plain,
            "target": TARGET,
            "met": bool(ours <= TARGET and agree),
            "write_s": written,
            "bytes": size,
        }
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    main(parser.parse_args().repeats)
