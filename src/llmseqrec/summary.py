"""Finished runs gathered for tables, tests and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from llmseqrec.contracts import COMPARISON, read_json, read_parquet
from llmseqrec.evaluation.bootstrap import difference_intervals, mean_intervals
from llmseqrec.evaluation.significance import holm, paired_p_values
from llmseqrec.reporting.leaderboard import Label, NotRun, RunResult, TieShuffles, read_published

BOOTSTRAP_SEED = 20240205


@dataclass(frozen=True)
class SessionValues:
    """Metrics of a run in each session, those that are means over sessions.

    Attributes:
        sessions: (n,) ids, ascending.
        metrics: m names such as `ndcg@20`.
        scores: (seeds, n, m).
    """

    sessions: pd.Index[int]
    metrics: list[str]
    scores: NDArray[np.float64]

    @classmethod
    def read(cls, folders: Sequence[str | Path]) -> SessionValues:
        """The values of a run's seed folders, of the sessions that all seeds have."""
        tables = [
            read_parquet(Path(folder) / "per_session.test.parquet").set_index("session_id")
            for folder in folders
        ]
        shared = tables[0].index
        for table in tables[1:]:
            shared = shared.intersection(table.index)
        shared = shared.sort_values()
        values = np.stack([table.loc[shared].to_numpy(dtype=np.float64) for table in tables])
        return cls(shared, [str(name) for name in tables[0].columns], values)

    def of(self, sessions: pd.Index[int]) -> NDArray[np.float64]:
        """(seeds, len(sessions), m) values of some of the sessions, in that order."""
        return self.scores[:, self.sessions.get_indexer(sessions)]


def session_means(folders: Sequence[str | Path]) -> pd.DataFrame:
    """Per-session metrics of a run, averaged over its seeds; indexed by session id."""
    found = SessionValues.read(folders)
    return pd.DataFrame(found.scores.mean(axis=0), index=found.sessions, columns=found.metrics)


def run_result(
    display: str,
    folders: Sequence[str | Path],
    ties: Path | None,
    row: str | None,
    cost: str = "",
) -> RunResult:
    """What one run scored, with bootstrap intervals of its means."""
    metrics = [read_json(Path(folder) / "metrics.test.json") for folder in folders]
    found = SessionValues.read(folders)
    drawn = mean_intervals(found.scores, np.random.default_rng(BOOTSTRAP_SEED))
    ends = zip(drawn.low.tolist(), drawn.high.tolist(), strict=True)
    dropped, without = metrics[0]["sessions_dropped"], metrics[0]["sessions_without_list"]
    note = f"{without} sessions without a list count as misses" if without else ""
    note = f"{dropped} sessions without a list dropped" if dropped else note
    return RunResult(
        display=display,
        per_seed=[found["metrics"] for found in metrics],
        intervals=dict(zip(found.metrics, ends, strict=True)),
        levels=drawn.levels,
        ties=_ties(ties),
        published_row=row,
        note="; ".join(filter(None, [note, cost])),
    )


def compare_runs(
    folders: Mapping[str, Sequence[str]], pairs: Sequence[tuple[str, str]]
) -> pd.DataFrame:
    """Paired tests of run_a - run_b (contract COMPARISON), Holm-adjusted within each metric.

    Args:
        folders: seed folders of each run.
        pairs: (run_a, run_b).
    """
    columns = list(COMPARISON.columns)
    tables = [_compared(pair, *(folders[run] for run in pair)) for pair in pairs]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns[:-1])
    table = table.sort_values(columns[:3], ignore_index=True)
    adjusted = [holm(group.to_numpy()) for _, group in table.groupby("metric")["p"]]
    table["p_adjusted"] = np.concatenate(adjusted) if adjusted else np.zeros(0)
    return table[columns]


def _compared(
    pair: tuple[str, str], folders_a: Sequence[str], folders_b: Sequence[str]
) -> pd.DataFrame:
    """One row a metric, over the sessions of both runs."""
    first, second = SessionValues.read(folders_a), SessionValues.read(folders_b)
    shared = first.sessions.intersection(second.sessions)
    a, b = first.of(shared), second.of(shared)
    differences = a.mean(axis=0) - b.mean(axis=0)
    drawn = difference_intervals(a, b, np.random.default_rng(BOOTSTRAP_SEED))
    return pd.DataFrame(
        {
            "metric": first.metrics,
            "run_a": pair[0],
            "run_b": pair[1],
            "difference": differences.mean(axis=0),
            "ci_low": drawn.low,
            "ci_high": drawn.high,
            "levels": drawn.levels,
            "p": paired_p_values(differences, np.random.default_rng(BOOTSTRAP_SEED)),
        }
    )


def label_of(
    dataset: Mapping[str, Any], split: str, statistics: str | None, seeds: list[int]
) -> Label:
    """What the numbers of a split were measured on.

    Args:
        dataset: `display`, `synthetic` and `protocol`.
        split: name of the split.
        statistics: its statistics.json; nothing where the dataset cannot be had.
        seeds: of the runs that use chance.
    """
    nothing: dict[str, Any] = {"test_sessions": 0, "data_hash": ""}
    counts = read_json(statistics) if statistics else nothing
    return Label(
        dataset=dataset["display"],
        split=split,
        protocol=dataset["protocol"],
        test_sessions=counts["test_sessions"],
        data_hash=counts["data_hash"],
        seeds=seeds,
        synthetic=dataset["synthetic"],
    )


def gather(
    runs: Mapping[str, Mapping[str, Any]], published: Path | None
) -> tuple[list[RunResult], list[NotRun], pd.DataFrame | None]:
    """Results of runs that were done, reasons of those that were not, the published table.

    Args:
        runs: by run name: `display`, `row` (of the published table), and either `folders` (of its
            seeds), `ties` (file or None) and, where there is one, `paid` (facts of vectors that
            were paid for) and `asked` (facts of answers that were), or `reason`.
        published: a published table, or None.
    """
    table = read_published(published) if published else None
    done = [
        run_result(
            run["display"],
            run["folders"],
            Path(run["ties"]) if run["ties"] else None,
            run["row"] if table is not None else None,
            "; ".join(filter(None, [_cost(run.get("paid")), _asking(run.get("asked"))])),
        )
        for run in runs.values()
        if "folders" in run
    ]
    missing = [
        NotRun(run["display"], run["reason"], run["row"] if table is not None else None)
        for run in runs.values()
        if "reason" in run
    ]
    return done, missing, table


def _ties(path: Path | None) -> TieShuffles | None:
    if path is None:
        return None
    found = read_json(path)
    return TieShuffles(found["metrics"], found["refitted"])


def _cost(path: str | None) -> str:
    """What was paid for item vectors, as a note."""
    found = read_json(path).get("cost") if path else None
    if not found:
        return ""
    price = "unknown price" if found["usd"] is None else f"{found['usd']:.4f} USD"
    return f"item vectors: {found['tokens']:,.0f} tokens, {price}"


def _asking(path: str | None) -> str:
    """What was paid for a language model's answers, as a note."""
    found = read_json(path) if path else {}
    if not found.get("cost"):
        return ""
    usd = found["cost"]["usd"]
    if usd is None:
        return "answers: unknown price"
    return f"answers: {1000 * usd / found['prompts']:.4f} USD for 1,000 sessions"
