"""Titles into vectors: ours in single precision and in bfloat16, beside the library's own call.

Run with `python -m benchmarks embedding`. The real Beauty titles are read where
`LLMSEQREC_REAL_DATA` points (default: ../shared/data/real); without them those of the sample are
taken. The three are timed in turn, over and over, so that a busy machine is busy for all of them,
on one thread and by processor time, which is that on the clock where nothing else runs.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.common import record  # noqa: E402
from benchmarks.sknn import amazon_tables  # noqa: E402
from llmseqrec.config import Embedding  # noqa: E402
from llmseqrec.data.sample import write_sample  # noqa: E402
from llmseqrec.embeddings.sentence_transformers import SentenceTransformers  # noqa: E402

FLOAT32_TARGET, BFLOAT16_TARGET = 1.15, 2.0
COSINE_TARGET = 0.9999
NEIGHBOURS = 10
Vectors = np.ndarray
Encoder = Callable[[list[str]], Vectors]


def titles_of(real: Path, count: int) -> tuple[list[str], str]:
    """That many titles, drawn once, or all; and where they come from."""
    folder = real / "amazon_beauty"
    if folder.is_dir():
        items, source = amazon_tables(folder).items, "real Beauty titles"
    else:
        items, source = sample_items(), "titles of the sample (no real data here)"
    titles = [title for title in items["title"].fillna("") if title.strip()]
    if count and count < len(titles):
        chosen = np.random.default_rng(0).choice(len(titles), count, replace=False)
        titles = [titles[row] for row in np.sort(chosen)]
    return titles, f"{len(titles):,} {source}"


def sample_items() -> pd.DataFrame:
    """Items of the synthetic dataset."""
    files = {"reviews": "reviews_Sample.json.gz", "metadata": "meta_Sample.json.gz"}
    with TemporaryDirectory() as name:
        write_sample(Path(name))
        return amazon_tables(Path(name), files).items


def encoders() -> dict[str, Encoder]:
    """The library's default call, and the provider with and without bfloat16; all loaded."""
    from sentence_transformers import SentenceTransformer

    plain = SentenceTransformers(Embedding())
    fast = SentenceTransformers(Embedding(bfloat16=True))
    library = SentenceTransformer(str(plain.folder), device="cpu")
    made: dict[str, Encoder] = {
        "library": lambda titles: library.encode(titles, show_progress_bar=False),
        "float32": plain.embed,
        "bfloat16" if fast.fingerprint["bfloat16"] else "no bfloat16 here": fast.embed,
    }
    for encode in made.values():
        encode(["a title to load everything with"])
    return made


def timed(made: dict[str, Encoder], titles: list[str], rounds: int) -> dict[str, np.ndarray]:
    """Processor seconds and seconds on the clock, (rounds, 2), of encoders that take turns."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in made}
    for _ in range(rounds):
        for name, encode in made.items():
            start = time.process_time(), time.perf_counter()
            encode(titles)
            taken = time.process_time() - start[0], time.perf_counter() - start[1]
            seconds[name].append(taken)
    return {name: np.array(taken) for name, taken in seconds.items()}


def unit(vectors: Vectors) -> Vectors:
    doubles = vectors.astype(np.float64)
    return doubles / np.linalg.norm(doubles, axis=1, keepdims=True)


def nearest(vectors: Vectors) -> np.ndarray:
    """(n, NEIGHBOURS) nearest other titles by cosine."""
    similar = unit(vectors) @ unit(vectors).T
    np.fill_diagonal(similar, -np.inf)
    return np.argpartition(-similar, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]


def overlap(first: Vectors, second: Vectors) -> float:
    """Mean share of the nearest titles that two sets of vectors have in common."""
    pairs = zip(nearest(first), nearest(second), strict=True)
    return float(np.mean([len(np.intersect1d(*pair)) for pair in pairs]) / NEIGHBOURS)


def main(real: Path, count: int, rounds: int) -> None:
    """Time all three in turn, compare their vectors, record a case each."""
    import torch

    torch.set_num_threads(1)
    titles, source = titles_of(real, count)
    made = encoders()
    reference = made["library"](titles)
    seconds = timed(made, titles, rounds)
    for name, target in zip(list(made)[1:], (FLOAT32_TARGET, BFLOAT16_TARGET), strict=True):
        vectors = made[name](titles)
        cosine = float((unit(vectors) * unit(reference)).sum(axis=1).min())
        ours, theirs = (np.median(seconds[which], axis=0) for which in (name, "library"))
        ratio = float(theirs[0] / ours[0])
        kept = overlap(reference, vectors)
        print(f"{name}: least cosine {cosine:.6f}, {NEIGHBOURS} neighbours shared {kept:.4f}")
        enough = cosine >= COSINE_TARGET or target == BFLOAT16_TARGET
        record(
            {
                "name": "embedding_" + ("float32" if target == FLOAT32_TARGET else "bfloat16"),
                "ours": len(titles) / ours[0],
                "baseline": len(titles) / theirs[0],
                "unit": f"titles/s of processor time, {source}",
                "ratio": ratio,
                "ratio_on_the_clock": float(theirs[1] / ours[1]),
                "ratios": (seconds["library"] / seconds[name])[:, 0].tolist(),
                "least_cosine": cosine,
                "neighbours_shared": kept,
                "target": target,
                "met": ratio >= target and enough,
            }
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("LLMSEQREC_REAL_DATA", ROOT.parent / "shared" / "data" / "real")
    parser.add_argument("--real", type=Path, default=default, help="folder of the real data")
    parser.add_argument("--titles", type=int, default=2000, help="how many; 0: all")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    main(arguments.real, arguments.titles, arguments.rounds)
