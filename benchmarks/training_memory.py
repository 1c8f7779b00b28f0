"""Training: peak memory on as many sessions as Steam has.

Run with `python benchmarks/training_memory.py`. Sessions are generated; a process of its own trains
some steps of SASRec and of BERT4Rec with full cross-entropy, keeps the best weights and a
checkpoint as a whole training does, and reports its peak memory.
"""

import json
import resource
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.common import record  # noqa: E402
from benchmarks.plain_loop import Shape  # noqa: E402
from benchmarks.training import Case, ours  # noqa: E402
from llmseqrec.nn.checkpoint import Progress, copy_weights, save_progress  # noqa: E402
from llmseqrec.sessions import Sessions  # noqa: E402

LIMIT = 3.0  # GiB
N_SESSIONS, N_ITEMS, MEAN_LENGTH = 280_000, 12_000, 13
STEPS = 30
CASES = (
    Case("sasrec", Shape(dim=256, layers=2, heads=2, dropout=0.2), {"batch_size": 512}, {}),
    Case(
        "bert4rec",
        Shape(dim=256, layers=2, heads=2, dropout=0.2, bert=True),
        {"batch_size": 512, "mask_prob": 0.5},
        {},
    ),
)
SETTING = {"lr": 0.001, "weight_decay": 0.01}


def generated() -> Sessions:
    """Sessions of random items."""
    rng = np.random.default_rng(0)
    lengths = 2 + rng.geometric(1 / (MEAN_LENGTH - 1), size=N_SESSIONS)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    items = rng.integers(N_ITEMS, size=offsets[-1], dtype=np.int32)
    return Sessions(offsets, items, np.arange(N_SESSIONS, dtype=np.int32))


def child() -> None:
    """Train, and print the peak memory in GiB after each network."""
    sessions, peaks = generated(), {}
    for case in CASES:
        made = ours(
            Case(case.name, case.shape, SETTING | case.setting, {}),
            sessions,
            N_ITEMS,
            "cross_entropy",
        )
        for batch in islice(made.batches.epoch(np.random.default_rng(1)), STEPS):
            made.step(batch)
        with tempfile.TemporaryDirectory() as folder:
            trainer = made.trainer
            progress = Progress(1, [], copy_weights(trainer.network))
            progress.network = trainer.network.state_dict()
            progress.optimizer = trainer.optimizer.state_dict()
            save_progress(progress, Path(folder))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peaks[case.name] = peak / (2**30 if sys.platform == "darwin" else 2**20)
    print(json.dumps(peaks | {"threads": torch.get_num_threads()}))


def main() -> None:
    """Measure in a process of its own and record the case."""
    command = [sys.executable, __file__, "--child"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured = json.loads(done.stdout)
    peak = measured["bert4rec"]  # of both: a process never gives its peak back
    record(
        {
            "name": "training_memory",
            "ours": peak,
            "baseline": "-",
            "unit": "GiB",
            "ratio": peak / LIMIT,
            "target": LIMIT,
            "met": peak <= LIMIT,
            "sessions": N_SESSIONS,
            "items": N_ITEMS,
        }
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child()
    else:
        main()
