"""Training: seconds until the plain loop's final validation NDCG@20 is reached.

Run with `python benchmarks/training_quality.py`; it takes many minutes. The plain loop trains
SASRec at the published Beauty optimum until two epochs bring nothing better, then llmseqrec trains
with settings of its own until it is as good: wider, one layer, larger batches, a linear head, and
item vectors that start from a singular value decomposition of the sessions, whose time counts. Both
are validated after each epoch on the same 500 held-out sessions, within the time that is measured.
Real Beauty is read where `LLMSEQREC_REAL_DATA` points (default: ../shared/data/real).
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_array, diags_array
from sklearn.preprocessing import normalize
from sklearn.utils.extmath import randomized_svd
from torch import nn

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.common import record  # noqa: E402
from benchmarks.plain_loop import PlainLoop, Shape, padded  # noqa: E402
from benchmarks.sknn import as_lists  # noqa: E402
from benchmarks.training import CASES, Case, data, ours  # noqa: E402
from llmseqrec.evaluation.ranking import rank_dot  # noqa: E402
from llmseqrec.nn.trainer import hold_out  # noqa: E402
from llmseqrec.sessions import Prompts, Sessions  # noqa: E402

TARGET = 5.0  # times sooner
PATIENCE = 2
MOST_EPOCHS = 40
OURS = Case(
    "quality",
    Shape(dim=128, layers=1, heads=1, dropout=0.5),
    {"lr": 0.003, "weight_decay": 0.1, "batch_size": 128, "linear_head": True},
    {},
)
OUR_LOSS = {"loss": "cross_entropy", "bfloat16": True}
Clock = tuple[float, float]  # wall and processor seconds
Curve = list[tuple[float, float, float]]  # by epoch: validation value, wall and processor seconds


def ndcg(vectors: torch.Tensor, table: torch.Tensor, prompts: Prompts) -> float:
    """NDCG@20 of prompts, from their vectors (n, dim) and the items' (n_items, dim)."""
    seen = prompts.sessions.offsets, prompts.sessions.items
    items, _ = rank_dot(vectors.numpy(), table.numpy(), seen, 20)
    rank = np.nonzero(items == prompts.targets[:, None])[1]
    return float((1 / np.log2(rank + 2)).sum() / len(items))


def validation(
    network: nn.Module, table: Callable[[], torch.Tensor], prompts: Prompts, padding: int
) -> Callable[[], float]:
    """A function that gives the NDCG@20 of a network as it is then."""
    rows = padded(as_lists(prompts.sessions), 20, padding)

    @torch.no_grad()
    def validate() -> float:
        network.eval()
        value = ndcg(network(rows)[:, -1], table(), prompts)
        network.train()
        return value

    return validate


def interaction_vectors(train: Sessions, n_items: int, dim: int) -> torch.Tensor:
    """Item vectors of length 1 from the sessions an item is in."""
    one = np.ones(len(train.items), dtype=np.float32)
    held = csr_array((one, (train.rows, train.items)), shape=(len(train), n_items))
    by_session = diags_array(held.sum(axis=1) ** -0.5)
    by_item = diags_array(held.sum(axis=0).clip(1) ** -0.5)
    held = csr_array((by_session @ held @ by_item).astype(np.float32))
    _, _, vectors = randomized_svd(held, dim, n_iter=3, random_state=0)
    return torch.from_numpy(normalize(vectors.T))


def clock() -> Clock:
    return time.perf_counter(), time.process_time()


def curve(
    epoch: Callable[[], None], validate: Callable[[], float], enough: float, start: Clock
) -> Curve:
    """Train until validation no longer improves, or is enough."""
    done: Curve = []
    while len(done) < MOST_EPOCHS:
        epoch()
        value, now = validate(), clock()
        done.append((value, now[0] - start[0], now[1] - start[1]))
        print(f"  epoch {len(done)}: {value:.4f} after {done[-1][1]:.1f} s", flush=True)
        values = [point[0] for point in done]
        if values[-1] >= enough or len(values) - 1 - int(np.argmax(values)) >= PATIENCE:
            break
    return done


def plain_curve(train: Sessions, prompts: Prompts, n_items: int) -> Curve:
    torch.manual_seed(1)
    loop = PlainLoop(as_lists(train), n_items, CASES[0].shape, CASES[0].setting)

    def epoch() -> None:
        for batch in loop.batches():
            loop.step(batch)

    table = loop.network.items.weight
    validate = validation(loop.network, lambda: table[:-1], prompts, n_items)
    return curve(epoch, validate, np.inf, clock())


def our_curve(train: Sessions, prompts: Prompts, n_items: int, enough: float) -> Curve:
    torch.manual_seed(1)
    start = clock()
    made = ours(OURS, train, n_items, **OUR_LOSS)
    rng, network = np.random.default_rng(1), made.trainer.network
    vectors = interaction_vectors(train, n_items, OURS.shape.dim)
    with torch.no_grad():
        network.item_table.weight[:n_items] = vectors

    def epoch() -> None:
        for batch in made.batches.epoch(rng):
            made.step(batch)

    table = network.item_table
    validate = validation(network, lambda: table.vectors()[:n_items], prompts, -1)
    return curve(epoch, validate, enough, start)


def main(real: Path | None = None) -> None:
    """Train both and record the case."""
    sessions, n_items, source = data(real)
    train, prompts = hold_out(sessions, np.random.default_rng(1))
    print("plain loop")
    plain = plain_curve(train, prompts, n_items)
    value, seconds, processor = max(plain, key=lambda point: point[0])
    print("llmseqrec")
    mine = our_curve(train, prompts, n_items, value)
    reached = mine[-1][0] >= value
    record(
        {
            "name": "training_quality",
            "ours": mine[-1][1],
            "baseline": seconds,
            "unit": f"seconds to NDCG@20 {value:.4f}, {source}",
            "ratio": seconds / mine[-1][1],
            "target": TARGET,
            "met": reached and seconds / mine[-1][1] >= TARGET,
            "ratio_of_processor_time": processor / mine[-1][2],
            "reached": mine[-1][0],
            "plain_curve": plain,
            "our_curve": mine,
        }
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, help="folder of the real data")
    parser.add_argument("--threads", type=int, help="of torch; by default as many as it takes")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    main(arguments.real)
