"""Training: time of an epoch beside the plain loop, in one interleaved run.

Run with `python benchmarks/training.py`. A sample of the batches of an epoch, from the shortest to
the longest, is stepped through by both in turn; the time of an epoch is the mean of the medians,
times the number of batches. Real Beauty is read where `LLMSEQREC_REAL_DATA` points (default:
../shared/data/real); without it sessions of equal shape are generated.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.common import record  # noqa: E402
from benchmarks.plain_loop import PlainLoop, Shape  # noqa: E402
from benchmarks.sknn import beauty, generated  # noqa: E402
from llmseqrec.nn.batches import (  # noqa: E402
    Batch,
    Batches,
    BatchOptions,
    MaskedItemBatches,
    NextItemBatches,
)
from llmseqrec.nn.bert4rec import BERT4Rec  # noqa: E402
from llmseqrec.nn.item_table import ItemTable  # noqa: E402
from llmseqrec.nn.layers import TransformerShape  # noqa: E402
from llmseqrec.nn.losses import LossOptions, make_loss  # noqa: E402
from llmseqrec.nn.optimizer import make_optimizer  # noqa: E402
from llmseqrec.nn.sasrec import SASRec  # noqa: E402
from llmseqrec.nn.sequences import Vocabulary  # noqa: E402
from llmseqrec.nn.trainer import Trainer, TrainerOptions  # noqa: E402
from llmseqrec.sessions import Sessions  # noqa: E402

SASREC = Shape(dim=48, layers=2, heads=3, dropout=0.25)
BERT4REC = Shape(dim=192, layers=1, heads=2, dropout=0.4, bert=True)
SASREC_SETTING = {"lr": 0.0048, "weight_decay": 0.0962}
BERT4REC_SETTING = {"lr": 0.0023, "weight_decay": 0.0409, "mask_prob": 0.9}
LOSSES = {"full": "cross_entropy", "sampled": "sampled_softmax"}


@dataclass(frozen=True)
class Case:
    """A network and a batch size, with the ratios to reach for each loss."""

    name: str
    shape: Shape
    setting: dict[str, float]
    targets: dict[str, float]


CASES = (
    Case("sasrec_32", SASREC, SASREC_SETTING | {"batch_size": 32}, {"full": 1.8, "sampled": 2.5}),
    Case("sasrec_256", SASREC, SASREC_SETTING | {"batch_size": 256}, {"full": 2.2, "sampled": 5.0}),
    Case("bert4rec", BERT4REC, BERT4REC_SETTING | {"batch_size": 256}, {"full": 2, "sampled": 4}),
)


def data(real: Path | None) -> tuple[Sessions, int, str]:
    """Training sessions in known ids, the number of items, and where they come from."""
    default = os.environ.get("LLMSEQREC_REAL_DATA", ROOT.parent / "shared" / "data" / "real")
    folder = Path(real or default) / "amazon_beauty"
    found = folder.is_dir()
    sessions, _, n_catalogue = beauty(folder) if found else generated()
    vocabulary = Vocabulary.of(sessions, n_catalogue)
    source = "real Beauty" if found else "generated sessions of Beauty's shape"
    return vocabulary.encode(sessions), len(vocabulary), source


def ours(case: Case, sessions: Sessions, n_items: int, loss: str, **options: Any) -> "Ours":
    """Trainer and batches of a case; `options` are those of the loss."""
    shape, setting = case.shape, case.setting
    rng = torch.Generator().manual_seed(1)
    settings = TransformerShape(
        shape.length,
        shape.layers,
        shape.heads,
        shape.dropout,
        linear_head=bool(setting.get("linear_head")),
    )
    table = ItemTable.random(n_items, shape.dim, rng)
    network = (BERT4Rec if shape.bert else SASRec)(table, settings, rng)
    optimizer = make_optimizer(
        network.parameters(), "standard", setting["lr"], setting["weight_decay"]
    )
    sizes = BatchOptions(shape.length, int(setting["batch_size"]))
    batches: Batches = NextItemBatches(sessions, sizes)
    if shape.bert:
        batches = MaskedItemBatches(sessions, sizes, setting["mask_prob"], n_items)
    made = make_loss(loss, LossOptions(**options))
    return Ours(Trainer(network, optimizer, made, TrainerOptions()), batches)


@dataclass(frozen=True)
class Ours:
    """What steps through batches in llmseqrec."""

    trainer: Trainer
    batches: Batches

    def step(self, batch: Batch) -> None:
        self.trainer.step(batch, torch.default_generator)


def sample(batches: Iterator[Any], size: Callable[[Any], int], count: int) -> list[Any]:
    """Batches of an epoch, evenly from the one with the fewest scored positions to the largest."""
    ordered = sorted(batches, key=size)
    return [ordered[place] for place in np.linspace(0, len(ordered) - 1, count).astype(int)]


def interleaved(
    sides: Sequence[tuple[Callable[[Any], object], list[Any]]], rounds: int
) -> np.ndarray:
    """Mean over the batches of the median over the rounds: (side, wall and processor seconds)."""
    n_batches = len(sides[0][1])
    taken = np.zeros((rounds, n_batches, len(sides), 2))
    for round_ in range(-1, rounds):  # round -1 warms up
        for number in range(n_batches):
            for side, (step, batches) in enumerate(sides):
                start = time.perf_counter(), time.process_time()
                step(batches[number])
                spent = time.perf_counter() - start[0], time.process_time() - start[1]
                if round_ >= 0:
                    taken[round_, number, side] = spent
    return np.median(taken, axis=0).mean(axis=0)


def measure(case: Case, sessions: Sessions, n_items: int, size: tuple[int, int]) -> None:
    """Time the plain loop and both losses in turn; record a case for each loss."""
    n_batches, rounds = size
    lists = np.split(sessions.items, sessions.offsets[1:-1])
    plain = PlainLoop(lists, n_items, case.shape, case.setting)
    made = {
        kind: ours(case, sessions, n_items, loss, bfloat16=True) for kind, loss in LOSSES.items()
    }
    epoch = made["full"].batches.epoch(np.random.default_rng(1))
    batches = sample(epoch, lambda batch: len(batch.targets), n_batches)
    plain_batches = sample(plain.batches(), lambda batch: int(batch[2].sum()), n_batches)
    sides = [(plain.step, plain_batches), *((one.step, batches) for one in made.values())]
    seconds = interleaved(sides, rounds)
    rate = product_rate()
    for number, (kind, one) in enumerate(made.items(), 1):
        with FlopCounterMode(display=False) as counter:
            one.step(batches[n_batches // 2])
        flops = counter.get_total_flops() / len(batches[n_batches // 2].targets)
        positions = np.mean([len(batch.targets) for batch in batches])
        epochs = seconds[[number, 0]] * [[len(one.batches)], [plain.steps]]  # (side, clock)
        ratio, target = epochs[1] / epochs[0], case.targets[kind]
        record(
            {
                "name": f"training_{case.name}_{kind}",
                "ours": epochs[0, 0],
                "baseline": epochs[1, 0],
                "unit": "seconds an epoch",
                "ratio": ratio[0],
                "target": target,
                "met": ratio[0] >= target,
                "ratio_of_processor_time": ratio[1],
                "share_of_product_rate": flops * positions / seconds[number, 0] / rate,
                "threads": torch.get_num_threads(),
            }
        )


def product_rate(size: int = 2048, repeats: int = 9) -> float:
    """Operations a second of a large bfloat16 matrix product on this machine, at its best."""
    matrix = torch.randn(size, size, dtype=torch.bfloat16)
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        torch.mm(matrix, matrix)
        taken.append(time.perf_counter() - start)
    return 2 * size**3 / min(taken)


def main(real: Path | None = None, size: tuple[int, int] = (16, 5)) -> None:
    """Measure every case.

    Args:
        real: folder of the real data.
        size: batches of the sample, and how often it is gone through.
    """
    sessions, n_items, source = data(real)
    print(f"{source}: {len(sessions)} sessions, {n_items} items")
    for case in CASES:
        torch.manual_seed(1)
        measure(case, sessions, n_items, size)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, help="folder of the real data")
    parser.add_argument("--threads", type=int, help="of torch; by default as many as it takes")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    main(arguments.real)
