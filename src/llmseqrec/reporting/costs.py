"""What runs and rules took: time, memory, tokens, money."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from llmseqrec.reporting.cells import Column, Layout
from llmseqrec.reporting.tables import read_table_csv

RUN, RULE = "run", "rule"
_SUMMED = ("seconds", "cpu_seconds", "gpu_seconds")
_COLUMNS = (
    Column("kind", "Of"),
    Column("name", "Name"),
    Column("dataset", "Dataset"),
    Column("split", "Split"),
    Column("jobs", "Jobs", 0),
    Column("shared_jobs", "Shared jobs", 0),
    Column("seconds", "Wall time (s)", 1),
    Column("shared_seconds", "Shared (s)", 1),
    Column("cpu_seconds", "CPU time (s)", 1),
    Column("gpu_seconds", "On a GPU (s)", 1),
    Column("peak_mb", "Peak memory (MB)", 0),
    Column("tokens", "Tokens", 0),
    Column("usd", "USD", 4),
    Column("note", "Note"),
)
_CAPTION = (
    "Wall times add up what jobs took, whether one after another or side by side. Of a run: its"
    " item vectors, training of all seeds, lists and metrics, with all that it is made of; jobs"
    " that serve several rows are counted in each and given as shared. Of a rule: all its jobs in"
    " logs/benchmark when this table was written. Times depend on the machine and on what else it"
    " did. Tokens and USD are the value of the vectors and answers used, as they were bought:"
    " purchases can be shared, by rows and by configurations. A row counts none of them twice."
)


def build_costs(jobs: pd.DataFrame, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row a run in the order given, then one a rule by wall time; nothing is rounded.

    Columns: kind (run or rule), name, dataset, split, jobs, shared_jobs (those that other rows
    need too), seconds, shared_seconds, cpu_seconds, gpu_seconds, peak_mb (the largest of a job),
    tokens, usd (NaN where a price is unknown), note.

    Args:
        jobs: as `measured_jobs` gives them.
        rows: of each run `run`, `dataset`, `split`, and `jobs` or `reason`.
    """
    uses = Counter(job for row in rows for job in row.get("jobs", ()))
    shared = pd.Series({job: uses[job] > 1 for job in jobs.index}, dtype=bool)
    gpus = bool((jobs["gpu_seconds"] > 0).any())
    found = [_run(row, jobs, shared, gpus) for row in rows]
    rules = [
        {"kind": RULE, "name": name} | _sums(group, gpus)
        for name, group in jobs.groupby("rule", sort=True)
    ]
    rules.sort(key=lambda row: -row["seconds"])
    return pd.DataFrame([*found, *rules], columns=[column.name for column in _COLUMNS])


def read_costs(path: Path | str) -> pd.DataFrame:
    """Read the csv file of the table: names stay texts, be they `NA` or `2024`."""
    return read_table_csv(path, ("kind", "name", "dataset", "split", "note"))


def costs_layout(frame: pd.DataFrame) -> Layout:
    """All columns that hold something."""
    used = [column for column in _COLUMNS[:-1] if _holds(frame[column.name])]
    return Layout("Cost and time", _CAPTION, used, note="note")


def _holds(values: pd.Series) -> bool:
    """Whether a column tells anything: a text, or a number other than zero."""
    filled = values.dropna()
    return bool((filled != 0).any())


def _run(
    row: Mapping[str, Any], jobs: pd.DataFrame, shared: pd.Series, gpus: bool
) -> dict[str, Any]:
    names = {"kind": RUN, "name": row["run"], "dataset": row["dataset"], "split": row["split"]}
    if "reason" in row:
        return names | {"note": f"not run: {' '.join(row['reason'].split())}"}
    own = jobs[jobs.index.isin(row["jobs"])]
    if own.empty:
        return names | {"note": "no job of it was measured here"}
    together = own[shared[own.index]]
    extra = {"shared_jobs": len(together), "shared_seconds": together["seconds"].sum()}
    return names | _sums(own, gpus) | extra


def _sums(jobs: pd.DataFrame, gpus: bool) -> dict[str, Any]:
    """Of the jobs of one row; `gpus`: whether any row's jobs ran on a GPU."""
    sums = {name: jobs[name].sum(min_count=1) for name in _SUMMED}
    paid = jobs[jobs["tokens"].notna() | jobs["usd"].notna()].drop_duplicates("purchase")
    sums["tokens"] = paid["tokens"].sum(min_count=1)
    usd = paid["usd"].sum(skipna=False) if len(paid) else float("nan")
    note = _partly_known(jobs) if gpus else ""
    return {"jobs": len(jobs), "peak_mb": jobs["peak_mb"].max(), "usd": usd, "note": note, **sums}


def _partly_known(jobs: pd.DataFrame) -> str:
    """Says of how many jobs the time on a GPU is unknown, where it is known of others."""
    times = jobs.loc[jobs["seconds"].notna(), "gpu_seconds"]
    unknown = int(times.isna().sum())
    if unknown in (0, len(times)):
        return ""
    return f"time on a GPU: without {unknown} of {len(times)} jobs, of which it is unknown"
