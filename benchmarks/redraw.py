"""Redrawing all tables and figures of a finished experiment of Beauty's size, 15 runs x 5 seeds.

The results are generated: lists at random around a run's own accuracy, and all that lies beside
them. Only the workflow's own jobs are timed, on two cores, by the clock and by processor time.
Run with `python -m benchmarks redraw`.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from benchmarks.common import ROOT, record
from llmseqrec.contracts import HISTORY, RECOMMENDATIONS, write_json, write_table
from llmseqrec.evaluation.results import judge, read_item_counts, write_evaluation
from llmseqrec.runs import recommendation_table
from llmseqrec.sessions import Prompts

TARGET = 60.0  # seconds on two cores
SESSIONS, ITEMS, ROWS, DAYS = 22_363, 12_101, 198_502, 2_000
RUNS, SEEDS, NEURAL = 15, 5, 6
HOME = Path("results/beauty/temporal")
PARTS = ("Snakefile", "config", "envs", "profiles", "src", "workflow")


def main() -> None:
    """Prepare a project, generate its results, redraw, record the case."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, root / part)
        rng = np.random.default_rng(0)
        write_raw(root / "raw", rng)
        (root / "config" / "redraw.yaml").write_text(yaml.safe_dump(configuration(root / "raw")))
        needed = [HOME / "statistics.json", HOME / "full" / "train", HOME / "full" / "test"]
        snakemake(root, *map(str, needed), "results/beauty/embeddings/words.npy")
        write_results(root, rng)
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        jobs = snakemake(root, "tables", "figures", "--rerun-triggers", "mtime")
        wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        drawn = len(list((root / "results" / "figures").glob("*.png")))
    record(
        {
            "name": "redraw",
            "ours": wall,
            "baseline": None,
            "unit": "s",
            "ratio": None,
            "target": TARGET,
            "met": wall <= TARGET,
            "cpu_seconds": cpu,
            "figures": drawn,
            "jobs": jobs.count("Finished jobid"),
        }
    )
    print(f"{cpu:.0f} s of processor time, {drawn} figures")


def configuration(raw: Path) -> dict[str, Any]:
    """15 runs that use chance, six of them trained in epochs."""
    small = {"model": "sasrec", "parameters": {"item_vectors": {"mode": "adapter"}}}
    runs: dict[str, Any] = {
        f"run{n}": {"model": "sknn", "parameters": {"sampling": "random", "k": 100 + n}}
        for n in range(RUNS)
    }
    runs |= {f"run{n}": small | {"embedding": "words"} for n in range(NEURAL)}
    names = list(runs)
    dataset = {
        "display": "Beauty (generated)",
        "format": "csv",
        "raw_dir": str(raw),
        "raw": {"interactions": {"name": "rows.csv"}, "items": {"name": "items.csv"}},
        "columns": {"title": "title"},
        "core": {"mode": "none"},
        "splits": {"temporal": {"protocol": "temporal"}},
    }
    return {
        "datasets": {"beauty": dataset},
        "embeddings": {"words": {"provider": "hashed_words"}},
        "runs": {name: {"display": f"Model {name}"} | run for name, run in runs.items()},
        "experiments": [{"dataset": "beauty", "split": "temporal", "runs": names}],
        "seeds": list(range(1, SEEDS + 1)),
        "tie_shuffles": 20,
        "comparisons": [[name, names[-1]] for name in names[:5]],
        "positions": {"depth": 5, "runs": names[:4]},
    }


def write_raw(folder: Path, rng: np.random.Generator) -> None:
    """Interactions of Beauty's shape, and titles of nine words."""
    folder.mkdir()
    lengths = 5 + rng.geometric(1 / (ROWS / SESSIONS - 4), SESSIONS) - 1
    shares = 1 / (np.arange(ITEMS) + 30)
    items = rng.choice(ITEMS, lengths.sum(), p=shares / shares.sum())
    days = np.repeat(rng.integers(0, DAYS, SESSIONS), lengths) + rng.integers(0, 90, lengths.sum())
    sessions = np.repeat(np.arange(SESSIONS), lengths)
    rows = {"session_id": sessions, "item_id": items, "timestamp": 86_400 * days}
    pd.DataFrame(rows).to_csv(folder / "rows.csv", index=False)
    words = rng.integers(0, 3_000, (ITEMS, 9)).astype(str)
    titles = [" ".join(f"word{word}" for word in row) for row in words]
    catalogue = pd.DataFrame({"item_id": range(ITEMS), "title": titles})
    catalogue.to_csv(folder / "items.csv", index=False)


def write_results(root: Path, rng: np.random.Generator) -> None:
    """Lists, metrics, histories and studies of every run, as if they had been computed."""
    home = root / HOME / "full"
    prompts = Prompts.load(home / "test")
    counts = read_item_counts(root / "results" / "beauty")
    for number in range(RUNS):
        run = home / f"run{number}"
        for seed in range(1, SEEDS + 1):
            folder = run / f"seed{seed}"
            (folder / "model").mkdir(parents=True)
            for name in ("model/model.safetensors", "run.json"):
                (folder / name).touch()
            if number < NEURAL:
                epochs = np.arange(1, 21, dtype=np.int32)
                curve = {"epoch": epochs, "loss": 9 - np.log(epochs), "validation": epochs / 400}
                curve |= {"hr@10": epochs / 300, "ndcg@10": epochs / 500}
                write_table(pd.DataFrame(curve), folder / "history.parquet", HISTORY)
            lists = random_lists(prompts, 0.08 + 0.006 * number, rng)
            scores = np.broadcast_to(np.arange(20, 0, -1, dtype=np.float32), lists.shape)
            table = recommendation_table(prompts.sessions.session_ids, lists, scores)
            write_table(table, folder / "recommendations.test.parquet", RECOMMENDATIONS)
            judged = judge(table, prompts, counts, [10, 20])
            metrics = folder / "metrics.test.json"
            write_evaluation(judged, {}, metrics, folder / "per_session.test.parquet")
        shuffles = [judged.evaluation.aggregate] * 20
        ties = {"refitted": False, "tied_share": 0.1, "metrics": shuffles}
        write_json(ties, run / "tie_sensitivity.json")
        hits = {"sessions": 3_000, "cutoff": 20, "hits": [400, 350, 330, 320, 310]}
        write_json(hits, run / "positions.json")


def random_lists(prompts: Prompts, rate: float, rng: np.random.Generator) -> np.ndarray:
    """(n, 20) different items; the target among them in a share of the lists."""
    n = len(prompts.targets)
    step = rng.integers(1, ITEMS // 20, n)[:, None]
    lists = (rng.integers(0, ITEMS, n)[:, None] + step * np.arange(20)) % ITEMS
    hit = np.flatnonzero((rng.random(n) < rate) & ~(lists == prompts.targets[:, None]).any(axis=1))
    lists[hit, rng.integers(0, 20, len(hit))] = prompts.targets[hit]
    return lists.astype(np.int32)


def snakemake(root: Path, *arguments: str) -> str:
    """Run the workflow on two cores; what it printed."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "snakemake", "--cores", "2"]
    done = subprocess.run(
        [*command, *arguments, "--configfile", "config/redraw.yaml"],
        cwd=root,
        env=kept | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"error: {done.stderr[-3000:]}")
    if "train_model" in done.stderr:
        raise SystemExit("error: something was trained")
    return done.stderr


if __name__ == "__main__":
    main()
