"""What jobs took: time and memory from Snakemake's `benchmark:` files, money from beside results.

A job is called as its benchmark file is, below logs/benchmark and without the ending:
`train_model/beauty.temporal.full.sasrec.seed1`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from llmseqrec.contracts import read_json

COLUMNS = ("seconds", "cpu_seconds", "gpu_seconds", "peak_mb", "tokens", "usd")
# Rules whose jobs may be billed: where the sidecar lies, as seen from the dots of the job's name,
# and its key that is the same where another job used the same purchase, if any.
_BILLED = {
    "embed_items": ("{0}/embeddings/{1}.json", "vectors_sha256"),
    "finetune_llm": ("{0}/{1}/{2}/{3}/{4}/language_model/model.json", "job"),
    "generate": ("{0}/{1}/{2}/{3}/{4}/answers.{5}.json", ""),
}
# Rules whose jobs may run on an accelerator: the file of a seed that tells, or None.
ACCELERATED = {
    "train_model": "run.json",
    "recommend": "run.json",
    "finetune_llm": "language_model/model.json",
    "generate": None,
    "resolve_generations": None,
    "embed_items": None,
    "tune_model": None,
    "choose_combination": None,
    "tie_sensitivity": None,
    "ask_positions": None,
}


@dataclass(frozen=True)
class Measurement:
    """One line of a benchmark file; None where Snakemake could not measure, as of short jobs.

    Attributes:
        seconds: wall time.
        cpu_seconds: processor time, summed over cores.
        peak_mb: largest resident memory.
    """

    seconds: float
    cpu_seconds: float | None
    peak_mb: float | None


def read_measurement(path: Path) -> Measurement | None:
    """What a benchmark file tells; None where there is none, or an unfinished one."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            row = next(csv.DictReader(stream, delimiter="\t"))
        seconds = float(row["s"])
    except (OSError, StopIteration, KeyError, ValueError):
        return None
    return Measurement(seconds, _number(row.get("cpu_time")), _number(row.get("max_rss")))


def measured_jobs(benchmarks: Path, results: Path, planned: Iterable[str] = ()) -> pd.DataFrame:
    """All jobs of which something is known, indexed by `job`.

    Columns: rule, those of COLUMNS, and `purchase`; NaN where nothing is known. Tokens and USD are
    what the vectors or answers of a job took when they were bought, by whichever job; equal
    `purchase` tells that jobs used the same. `gpu_seconds` is the wall time
    of a job that ran on an accelerator and 0 of one that did not, NaN where nobody tells.

    Args:
        benchmarks: logs/benchmark; whatever lies there counts.
        results: results/, whose sidecars hold tokens and USD.
        planned: further jobs, which count if there is a sidecar.
    """
    found = {path.relative_to(benchmarks).with_suffix("") for path in benchmarks.rglob("*.tsv")}
    names = sorted({str(path) for path in found} | set(planned))
    rows = {name: _row(name, benchmarks, results) for name in names}
    known = {name: row for name, row in rows.items() if row.keys() - {"rule"}}
    frame = pd.DataFrame.from_dict(known, orient="index", columns=["rule", *COLUMNS, "purchase"])
    return frame.astype(dict.fromkeys(COLUMNS, float)).rename_axis("job")


def _row(job: str, benchmarks: Path, results: Path) -> dict[str, Any]:
    rule, _, name = job.partition("/")
    row: dict[str, Any] = {"rule": rule}
    parts = name.split(".")
    measured = read_measurement(benchmarks / f"{job}.tsv")
    if measured is not None:
        row |= vars(measured)
        row["gpu_seconds"] = _on_gpu(rule, parts, results) * measured.seconds
    return row | _bill(rule, parts, results)


def _on_gpu(rule: str, parts: list[str], results: Path) -> float:
    """1 of a job on an accelerator, 0 of one on the processor, NaN where that is unknown."""
    if rule not in ACCELERATED or _bill(rule, parts, results):  # a service computes elsewhere
        return 0.0
    told = ACCELERATED[rule]
    device = _read(results.joinpath(*parts[:5], told)).get("device") if told else None
    return float("nan") if device is None else float(device != "cpu")


def _bill(rule: str, parts: list[str], results: Path) -> dict[str, Any]:
    """Tokens, USD and purchase of a job, where somebody was paid."""
    if rule not in _BILLED:
        return {}
    path, key = _BILLED[rule]
    place = path.format(*parts)
    facts = _read(results / place)
    found = {name: v for name, v in (facts.get("cost") or {}).items() if name in ("tokens", "usd")}
    return found | {"purchase": facts.get(key) or place} if found else {}


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_json(path) if path.is_file() else {}
    return found


def _number(text: str | None) -> float | None:
    """A number; None for what stands where nothing was measured: NA, or a dash."""
    try:
        return float(text or "")
    except ValueError:
        return None
