"""Losses over a catalogue: forward and backward of 1,000 positions, beside plain cross-entropy.

Run with `python benchmarks/losses.py`. Vectors are random; all sides take turns.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.common import record  # noqa: E402
from llmseqrec.nn.losses import LossOptions, make_loss  # noqa: E402

POSITIONS, N_ITEMS, DIM = 1_000, 11_957, 256
TARGETS = {"float32": 1.0, "bfloat16": 2.0, "sampled_softmax": 10.0, "gbce": 10.0}


def sides() -> dict[str, Callable[[], torch.Tensor]]:
    """Plain cross-entropy, and ours by name, on the same vectors."""
    rng = torch.Generator().manual_seed(0)
    hidden = torch.randn(POSITIONS, DIM, generator=rng).requires_grad_()
    table = (torch.randn(N_ITEMS, DIM, generator=rng) * 0.1).requires_grad_()
    targets = torch.randint(N_ITEMS, (POSITIONS,), generator=rng)
    made = {
        "float32": make_loss("cross_entropy"),
        "bfloat16": make_loss("cross_entropy", LossOptions(bfloat16=True)),
        "sampled_softmax": make_loss("sampled_softmax"),
        "gbce": make_loss("gbce"),
    }

    def run(loss: Callable[..., torch.Tensor]) -> torch.Tensor:
        hidden.grad = table.grad = None
        value = loss(hidden, table, targets)
        value.backward()
        return value

    def plain(hidden: torch.Tensor, table: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(hidden @ table.T, targets)

    losses = {"plain": plain} | made
    return {name: lambda loss=loss: run(loss) for name, loss in losses.items()}


def main(rounds: int = 11) -> None:
    """Time all in turn and record a case each."""
    actions = sides()
    taken = np.zeros((rounds, len(actions)))
    for round_ in range(-1, rounds):  # round -1 warms up
        for side, action in enumerate(actions.values()):
            start = time.perf_counter()
            action()
            if round_ >= 0:
                taken[round_, side] = time.perf_counter() - start
    medians = dict(zip(actions, 1000 * np.median(taken, axis=0), strict=True))
    for name, target in TARGETS.items():
        ratio = medians["plain"] / medians[name]
        record(
            {
                "name": f"loss_{name}",
                "ours": medians[name],
                "baseline": medians["plain"],
                "unit": f"ms, {POSITIONS} positions, {N_ITEMS} items, width {DIM}",
                "ratio": ratio,
                "target": target,
                "met": ratio >= target,
            }
        )


if __name__ == "__main__":
    main()
