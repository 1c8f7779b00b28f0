"""SKNNEmb at the published Beauty optimum: prompts a second, beside a plain Python loop.

Run with `python -m benchmarks sknn_emb`. The Beauty files are read where `LLMSEQREC_REAL_DATA`
points (default: ../shared/data/real); without them sessions of equal shape are generated. Vectors
are random and as wide as the optimum's (219), since their values have no bearing on speed.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.sknn import (  # noqa: E402
    Ranking,
    as_lists,
    beauty,
    generated,
    measure,
    parsed,
)
from llmseqrec.models.base import Catalogue, FloatArray  # noqa: E402
from llmseqrec.models.parameters import SKNNEmbParameters  # noqa: E402
from llmseqrec.models.sknn_emb import SKNNEmb  # noqa: E402
from llmseqrec.sessions import Sessions  # noqa: E402

TARGET = 1000  # prompts a second on two cores
TOP, DIM = 20, 219
OPTIMUM = SKNNEmbParameters(
    k=60, sample_size=1370, sampling="recent", similarity="dot", decay="harmonic", last_n_items=50
)


class PlainLoop:
    """The same model one prompt at a time, with numpy for the similarities alone."""

    def __init__(self, train: Sessions, vectors: FloatArray) -> None:
        self.items, self.vectors = as_lists(train), vectors
        self.means = np.stack([vectors[items].mean(axis=0) for items in self.items])
        self.newest = np.argsort(np.argsort(-train.ends, kind="stable"))
        self.holders: dict[int, set[int]] = {}
        for session, items in enumerate(self.items):
            for item in items:
                self.holders.setdefault(item, set()).add(session)

    def __call__(self, prompt: list[int]) -> Ranking:
        prompt = [item for item in dict.fromkeys(prompt[-50:]) if item in self.holders]
        found = set().union(*(self.holders[item] for item in prompt))
        sampled = np.array(sorted(found, key=self.newest.__getitem__)[: OPTIMUM.sample_size])
        weights = 1 / np.arange(len(prompt), 0, -1)
        asked = (weights[:, None] * self.vectors[prompt]).sum(axis=0) / weights.sum()
        similar = self.means[sampled] @ asked
        nearest = np.argsort(-similar, kind="stable")[: OPTIMUM.k]
        scores: dict[int, float] = {}
        for session, value in zip(sampled[nearest], similar[nearest], strict=True):
            for item in set(self.items[session]):
                scores[item] = scores.get(item, 0.0) + value
        listed = [(item, score) for item, score in scores.items() if item not in prompt]
        return sorted(listed, key=lambda pair: (-pair[1], pair[0]))[:TOP]


def agreement(model: SKNNEmb, loop: PlainLoop, prompts: Sessions) -> int:
    """Prompts with equal lists of scores, up to rounding."""
    _, scores = model.recommend(prompts, TOP)
    equal = 0
    for prompt, ours in zip(as_lists(prompts), scores, strict=True):
        theirs = [score for _, score in loop(prompt)]
        equal += np.isfinite(ours).sum() == len(theirs) and np.allclose(
            ours[: len(theirs)], theirs, rtol=1e-3, atol=1e-4
        )
    return int(equal)


def main(real: Path, baseline_prompts: int, repeats: int) -> None:
    """Time both, check that they agree, record the case."""
    folder = real / "amazon_beauty"
    found = folder.is_dir()
    train, prompts, n_items = beauty(folder) if found else generated()
    source = "real Beauty" if found else "generated sessions of Beauty's shape (no real data here)"
    if train.times is None:  # newest first needs them
        train = replace(train, times=train.rows)
    print(f"{source}: {len(train)} training sessions, {len(prompts)} prompts, {n_items} items")
    vectors = np.random.default_rng(0).normal(size=(n_items, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    model, loop = SKNNEmb(OPTIMUM, Catalogue(n_items, vectors)), PlainLoop(train, vectors)
    model.fit(train)
    case = {"name": "sknn_emb", "unit": f"prompts/s, {source}", "target": TARGET}
    some = measure(case, (model, loop), prompts, (baseline_prompts, repeats))
    print(f"lists agree on {agreement(model, loop, some)} of {len(some)} prompts")


if __name__ == "__main__":
    arguments = parsed(__doc__)
    main(arguments.real, arguments.baseline_prompts, arguments.repeats)
