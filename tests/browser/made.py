"""Results of runs that never ran, for reports: sessions, lists, tables, figures."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llmseqrec.contracts import ITEMS, RECOMMENDATIONS, write_json, write_table, write_text
from llmseqrec.reporting.costs import build_costs
from llmseqrec.reporting.leaderboard import Label, NotRun, RunResult, build_leaderboard
from llmseqrec.sessions import Prompts, Sessions

METRICS = ("ndcg@10", "hr@10", "mrr@10", "ndcg@20", "hr@20", "mrr@20", "catcov@20")


def picture() -> bytes:
    """The smallest PNG file there is: one grey point."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(b"\0\x80")), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def make_results(
    root: Path, dataset: str, runs: list[str], sessions: int, titles: list[str], k: int = 20
) -> dict[str, Any]:
    """Write an experiment below results/ of `root`; what the report is told of it.

    Run number r finds the target of session s at rank 1 + r where s is divisible by r + 2.
    """
    rng = np.random.default_rng(7)
    home = root / "results" / dataset
    ids = range(len(titles))
    items = pd.DataFrame({"item_id": ids, "source_id": [f"i{n}" for n in ids], "title": titles})
    write_table(items, home / "items.parquet", ITEMS)
    lengths = rng.integers(2, 9, sessions)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    prompts = rng.integers(0, len(titles), offsets[-1]).astype(np.int32)
    numbers = 10 * np.arange(sessions, dtype=np.int32)
    targets = rng.integers(0, len(titles), sessions).astype(np.int32)
    Prompts(Sessions(offsets, prompts, numbers), targets).save(home / "temporal" / "full" / "test")
    label = {"display": dataset.title(), "synthetic": True, "protocol": "temporal"}
    statistics = home / "temporal" / "statistics.json"
    write_json({"test_sessions": sessions, "data_hash": "abcdef0123456789"}, statistics)
    specs: dict[str, Any] = {}
    results = []
    for number, name in enumerate(runs):
        folder = home / "temporal" / "full" / name / "seed1"
        write_table(
            _lists(numbers, targets, number, len(titles), k),
            folder / "recommendations.test.parquet",
            RECOMMENDATIONS,
        )
        metrics = {metric: 0.1 / (number + 1) + 0.001 * len(metric) for metric in METRICS}
        write_json({"metrics": metrics}, folder / "metrics.test.json")
        write_json(facts(name), folder / "run.json")
        specs[name] = {"display": display(name), "folders": [str(folder.relative_to(root))]}
        results.append(RunResult(display(name), [metrics], {"ndcg@20": (0.01, 0.2)}))
    specs["paid"] = {"display": "Paid <b>", "reason": "no key & no money"}
    shown = Label(dataset.title(), "temporal", "temporal", sessions, "abcdef0123456789", [1], True)
    board = build_leaderboard(results, shown, [NotRun("Paid <b>", "no key & no money")])
    tables = root / "results" / "tables"
    write_text(board.to_csv(index=False), tables / f"leaderboard.{dataset}.temporal.csv")
    claim = {"text": "A is better than B <i>.", "supported": True}
    doubt = {"text": "No difference can be told.", "supported": False}
    write_json([claim, doubt], tables / f"statements.{dataset}.temporal.json")
    return {
        "dataset": dataset,
        "split": "temporal",
        "label": label,
        "statistics": str(statistics.relative_to(root)),
        "runs": specs,
        "compared": True,
        "inspector": None,
    }


def display(name: str) -> str:
    """What readers call a made run."""
    return name.replace("_", " ").title()


def facts(name: str) -> dict[str, Any]:
    """A run.json."""
    return {
        "run": {"model": name, "parameters": {"dim": 64, "note": "</pre><script>"}},
        "seed": 1,
        "config_hash": "c0ffee",
        "code": "4b3f261fd2913c81",
        "data_hash": "abcdef0123456789",
        "device": "cpu",
        "versions": {"python": "3.11"},
    }


def make_shared(root: Path, experiments: list[dict[str, Any]]) -> list[str]:
    """Write costs and figures; the files that the report is to copy."""
    tables, figures = root / "results" / "tables", root / "results" / "figures"
    jobs = pd.DataFrame(
        {"rule": "train_model", "seconds": 3.5, "cpu_seconds": 3.0, "gpu_seconds": np.nan}
        | {"peak_mb": 250.0, "tokens": np.nan, "usd": np.nan, "purchase": np.nan},
        index=pd.Index([f"train_model/{n}" for n in range(3)], name="job"),
    )
    rows = [
        {"run": run["display"], "dataset": each["label"]["display"], "split": each["split"]}
        | ({"reason": run["reason"]} if "reason" in run else {"jobs": ["train_model/0"]})
        for each in experiments
        for run in each["runs"].values()
    ]
    write_text(build_costs(jobs, rows).to_csv(index=False), tables / "costs.csv")
    figures.mkdir(parents=True, exist_ok=True)
    for each in experiments:
        for kind in ("png", "pdf"):
            name = f"accuracy.{each['dataset']}.{each['split']}.{kind}"
            (figures / name).write_bytes(picture())
    (figures / "search_history.mine.png").write_bytes(picture())
    found = [*tables.iterdir(), *figures.iterdir()]
    return sorted(str(path.relative_to(root)) for path in found)


def _lists(numbers: np.ndarray, targets: np.ndarray, run: int, items: int, k: int) -> pd.DataFrame:
    """Lists without the target, and with it where the run is to find it."""
    sessions = len(numbers)
    steps = np.arange(1, k + 1)
    found = (targets[:, None] + steps[None, :]) % items  # all differ, none is the target
    hits = np.arange(sessions) % (run + 2) == 0
    found[hits, min(run, k - 1)] = targets[hits]
    return pd.DataFrame(
        {
            "session_id": np.repeat(numbers, k),
            "rank": np.tile(steps, sessions).astype(np.int16),
            "item_id": found.ravel().astype(np.int32),
            "score": np.tile(1.0 / steps, sessions).astype(np.float32),
        }
    )
