"""V-SKNN at the published Beauty optimum: prompts a second, beside a plain Python loop.

Run with `python benchmarks/sknn.py`. The Beauty files are read where `LLMSEQREC_REAL_DATA` points
(default: ../shared/data/real); without them sessions of equal shape are generated.
"""

import argparse
import os
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.common import record  # noqa: E402
from llmseqrec.config import Dataset, RawFile, Temporal  # noqa: E402
from llmseqrec.data.prepare import Prepared, prepare  # noqa: E402
from llmseqrec.data.splits import make_part, read_sessions  # noqa: E402
from llmseqrec.models.base import Catalogue  # noqa: E402
from llmseqrec.models.parameters import SKNNParameters  # noqa: E402
from llmseqrec.models.sknn import SKNN  # noqa: E402
from llmseqrec.registry import RAW_FORMATS, load  # noqa: E402
from llmseqrec.sessions import Sessions  # noqa: E402

TARGET = 1500  # prompts a second on two cores
TOP = 20
SPLIT = Temporal()
BEAUTY = {"reviews": "reviews_Beauty_5.json.gz", "metadata": "meta_Beauty.json.gz"}
OPTIMUM = SKNNParameters(
    k=320, sample_size=1530, sampling="random", similarity="dot", decay="harmonic"
)
Data = tuple[Sessions, Sessions, int]  # training sessions, prompts, number of items
Ranking = list[tuple[int, float]]


def amazon_tables(folder: Path, files: dict[str, str] = BEAUTY) -> Prepared:
    """Tables of raw Amazon files; by default those of the real Beauty data."""
    dataset = Dataset(
        display="Amazon",
        format="amazon",
        raw={role: RawFile(name=name) for role, name in files.items()},
        raw_dir=folder,
        splits={"temporal": SPLIT},
    )
    paths = {role: folder / name for role, name in files.items()}
    return prepare(load(RAW_FORMATS["amazon"])(dataset, paths), dataset)


def beauty(folder: Path) -> Data:
    """Sessions and test prompts of the real Beauty files."""
    prepared = amazon_tables(folder)
    part = make_part(read_sessions(prepared.interactions), SPLIT, "full")
    return part.train, part.prompts["test"].sessions, len(prepared.items)


def generated() -> Data:
    """As many sessions, prompts and items as Beauty, about as long and as popular."""
    rng, n_items = np.random.default_rng(0), 12_101
    popularity = (np.arange(n_items) + 60.0) ** -0.7
    popularity /= popularity.sum()

    def draw(count: int, shortest: int, mean: float) -> Sessions:
        lengths = shortest - 1 + rng.geometric(1 / (mean - shortest + 1), size=count)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        items = rng.choice(n_items, size=offsets[-1], p=popularity).astype(np.int32)
        return Sessions(offsets, items, np.arange(count, dtype=np.int32))

    return draw(17_890, 5, 8.06), draw(4_469, 4, 10.7), n_items


class PlainLoop:
    """The same model as the reference computes it: one prompt, one session, one item at a time."""

    def __init__(self, train: Sessions) -> None:
        self.items = as_lists(train)
        self.holders = defaultdict(set)
        for session, items in enumerate(self.items):
            for item in items:
                self.holders[item].add(session)
        self.random = random.Random(1)

    def __call__(self, prompt: list[int]) -> Ranking:
        prompt = [item for item in dict.fromkeys(prompt) if item in self.holders]
        weights = {item: 1 / age for age, item in enumerate(reversed(prompt), 1)}
        candidates = self.candidates(prompt)
        if len(candidates) > OPTIMUM.sample_size:
            candidates = self.random.sample(candidates, OPTIMUM.sample_size)
        similarity = {
            session: sum(weights.get(item, 0.0) for item in set(self.items[session]))
            for session in candidates
        }
        nearest = sorted(similarity, key=similarity.__getitem__, reverse=True)[: OPTIMUM.k]
        scores: defaultdict[int, float] = defaultdict(float)
        for session in nearest:
            for item in set(self.items[session]):
                scores[item] += similarity[session]
        listed = [(item, score) for item, score in scores.items() if item not in weights]
        return sorted(listed, key=lambda pair: (-pair[1], pair[0]))[:TOP]

    def candidates(self, prompt: list[int]) -> list[int]:
        return sorted(set().union(*(self.holders[item] for item in prompt)))


def as_lists(sessions: Sessions) -> list[list[int]]:
    return [items.tolist() for items in np.split(sessions.items, sessions.offsets[1:-1])]


def median_seconds(action: Callable[[], object], repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def agreement(model: SKNN, loop: PlainLoop, prompts: Sessions) -> tuple[int, int]:
    """Prompts with equal lists of scores, and prompts compared.

    Compared are prompts with at most k candidates: chance decides about samples and ties at the
    k-th neighbour, in both.
    """
    _, scores = model.recommend(prompts, TOP)
    equal = compared = 0
    for prompt, ours in zip(as_lists(prompts), scores, strict=True):
        known = [item for item in prompt if item in loop.holders]
        if len(loop.candidates(known)) <= OPTIMUM.k:
            theirs = [score for _, score in loop(prompt)]
            compared += 1
            equal += np.isfinite(ours).sum() == len(theirs) and np.allclose(
                ours[: len(theirs)], theirs, rtol=1e-5
            )
    return int(equal), compared


def main(real: Path, baseline_prompts: int, repeats: int) -> None:
    """Time both, check that they agree, record the case."""
    folder = real / "amazon_beauty"
    found = folder.is_dir()
    train, prompts, n_items = beauty(folder) if found else generated()
    source = "real Beauty" if found else "generated sessions of Beauty's shape (no real data here)"
    print(f"{source}: {len(train)} training sessions, {len(prompts)} prompts, {n_items} items")
    model, loop = SKNN(OPTIMUM, Catalogue(n_items)), PlainLoop(train)
    model.fit(train)
    case = {"name": "sknn", "unit": f"prompts/s, {source}", "target": TARGET}
    some = measure(case, (model, loop), prompts, (baseline_prompts, repeats))
    equal, compared = agreement(model, loop, some)
    print(f"lists agree on {equal} of {compared} prompts with at most k candidates")


def measure(
    case: dict[str, Any],
    sides: tuple[SKNN, Callable[[list[int]], Ranking]],
    prompts: Sessions,
    size: tuple[int, int],
) -> Sessions:
    """Record prompts a second of a model and of a loop that takes one at a time.

    Args:
        case: name, unit and target.
        sides: the fitted model, and the loop.
        prompts: what the model is asked.
        size: how many of the prompts the loop is asked, and how often both are.

    Returns:
        The prompts that the loop was asked.
    """
    (model, loop), (baseline_prompts, repeats) = sides, size
    some = prompts.take(slice(0, baseline_prompts))
    lists = as_lists(some)
    ours = len(prompts) / median_seconds(lambda: model.recommend(prompts, TOP), repeats)
    plain = len(lists) / median_seconds(lambda: [loop(prompt) for prompt in lists], repeats)
    speeds = {"ours": ours, "baseline": plain, "ratio": ours / plain}
    record(case | speeds | {"met": ours >= case["target"]})
    return some


def parsed(description: str) -> argparse.Namespace:
    """The arguments of a benchmark that `measure` is used in."""
    parser = argparse.ArgumentParser(description=description)
    default = os.environ.get("LLMSEQREC_REAL_DATA", ROOT.parent / "shared" / "data" / "real")
    parser.add_argument("--real", type=Path, default=default, help="folder of the real data")
    parser.add_argument("--baseline-prompts", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    arguments = parsed(__doc__)
    main(arguments.real, arguments.baseline_prompts, arguments.repeats)
