"""Small language models and catalogues that several tests use."""

import os
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
import torch

from llmseqrec.llm.language_model import LanguageModel
from llmseqrec.llm.pairs import Pair
from llmseqrec.llm.small_model import Shape, make_small_model
from llmseqrec.llm.tokenizer import train_tokenizer
from llmseqrec.nn.checkpoint import load_progress
from tests.conftest import ROOT

TINY = Shape(dim=32, layers=2, heads=4, key_heads=2, inner=64, context=256)
LONGEST = 240  # seconds to wait for a checkpoint


@cache
def titles(count: int = 120) -> tuple[str, ...]:
    """Titles of one to eight words of a small vocabulary; many begin alike, all are different."""
    rng = np.random.default_rng(0)
    words = ["soap", "oil", "rose", "dry skin", "for", "No. 7", "Été", "x2", "\nrefill", "care"]
    made: dict[str, None] = {}
    while len(made) < count:
        made[" ".join(rng.choice(words, rng.integers(1, 9)))] = None
    return tuple(made)


def prompts(count: int) -> list[str]:
    """Lists of titles, of different lengths."""
    rng = np.random.default_rng(1)
    return ["\n".join(rng.choice(titles(), rng.integers(1, 8))) for _ in range(count)]


def tiny_model(seed: int = 0, spread: float = 4.0) -> LanguageModel:
    """A Llama with random weights, `spread` times as large as usual: it has strong opinions."""
    model = make_small_model(train_tokenizer(titles(), 300), TINY, seed)
    for name, weight in model.network.named_parameters():
        if "norm" not in name:
            weight.data *= spread
    return model


def circle(count: int = 24) -> list[Pair]:
    """After a title comes the next one of the first `count`; prompts are one to three titles."""
    names = titles()[:count]
    return [
        Pair(
            "\n".join(names[(last - back) % count] for back in reversed(range(1, 2 + last % 3))), n
        )
        for last, n in enumerate(names)
    ]


def weights(model: LanguageModel) -> dict[str, bytes]:
    return {name: w.numpy().tobytes() for name, w in model.network.state_dict().items()}


def kill_after_steps(code: str, state_dir: Path, steps: int) -> int:
    """Train in a process that is killed once a checkpoint has so many steps.

    Args:
        code: trains with checkpoints in `state_dir`.
        state_dir: of the checkpoint.
        steps: at least.

    Returns:
        The steps of the checkpoint that is left.
    """
    prepared = f"from pathlib import Path; state_dir = Path({str(state_dir)!r}); {code}"
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    process = subprocess.Popen(
        [sys.executable, "-c", prepared],
        env=os.environ | {"PYTHONPATH": paths},
        stderr=subprocess.DEVNULL,
    )
    give_up = time.monotonic() + LONGEST
    try:
        while steps_kept(state_dir) < steps:
            assert process.poll() is None, "the training ended before it was killed"
            assert time.monotonic() < give_up, "no such checkpoint within the time"
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return steps_kept(state_dir)


def steps_kept(state_dir: Path) -> int:
    """Steps in a checkpoint, 0 while there is none."""
    found = load_progress(state_dir, torch.device("cpu"))
    return int(found.history[-1]["step"]) if found else 0
