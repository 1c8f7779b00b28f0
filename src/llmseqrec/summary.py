"""Finished runs gathered for tables, tests and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llmseqrec.contracts import read_json
from llmseqrec.evaluation.significance import compare, holm, mean_interval
from llmseqrec.reporting.leaderboard import Label, NotRun, RunResult, TieShuffles, read_published
from llmseqrec.reporting.popularity import hit_rates
from llmseqrec.sessions import Prompts, Sessions

BOOTSTRAP_SEED = 20240205


def session_means(folders: Sequence[str | Path]) -> pd.DataFrame:
    """Per-session metrics of a run, averaged over its seeds; indexed by session id."""
    tables = [
        pd.read_parquet(Path(folder) / "per_session.test.parquet").set_index("session_id")
        for folder in folders
    ]
    total: pd.DataFrame = sum(tables[1:], start=tables[0])
    return total / len(tables)


def run_result(
    display: str,
    folders: Sequence[str | Path],
    ties: Path | None,
    row: str | None,
    cost: str = "",
) -> RunResult:
    """What one run scored, with bootstrap intervals over sessions of its means over seeds."""
    metrics = [read_json(Path(folder) / "metrics.test.json") for folder in folders]
    values = session_means(folders)
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    intervals = {str(name): mean_interval(values[name].to_numpy(), rng) for name in values}
    dropped, without = metrics[0]["sessions_dropped"], metrics[0]["sessions_without_list"]
    note = f"{without} sessions without a list count as misses" if without else ""
    note = f"{dropped} sessions without a list dropped" if dropped else note
    return RunResult(
        display=display,
        per_seed=[found["metrics"] for found in metrics],
        intervals=intervals,
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
    rows: list[dict[str, Any]] = []
    for run_a, run_b in pairs:
        first, second = session_means(folders[run_a]), session_means(folders[run_b])
        shared = first.index.intersection(second.index)
        for metric in first.columns:
            found = compare(
                first.loc[shared, metric].to_numpy(),
                second.loc[shared, metric].to_numpy(),
                np.random.default_rng(BOOTSTRAP_SEED),
            )
            rows.append(
                {
                    "metric": metric,
                    "run_a": run_a,
                    "run_b": run_b,
                    "difference": found.difference,
                    "ci_low": found.ci_low,
                    "ci_high": found.ci_high,
                    "p": found.p,
                }
            )
    columns = ["metric", "run_a", "run_b", "difference", "ci_low", "ci_high", "p"]
    table = pd.DataFrame(rows, columns=columns).sort_values(columns[:3], ignore_index=True)
    adjusted = [holm(group.to_numpy()) for _, group in table.groupby("metric")["p"]]
    table["p_adjusted"] = np.concatenate(adjusted) if adjusted else np.zeros(0)
    return table


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


def popularity_table(
    runs: Mapping[str, Mapping[str, Any]], prompts: Path, train: Path, cutoff: int
) -> pd.DataFrame:
    """Hit rate by training count of the prompt's last item (study, Figure 9).

    Args:
        runs: as `gather` takes them.
        prompts: folder of the test prompts.
        train: folder of the training sessions.
        cutoff: k of the hit rate.
    """
    counts = last_item_counts(Prompts.load(prompts).sessions, Sessions.load(train))
    hits = {
        run["display"]: session_means(run["folders"])[f"hr@{cutoff}"].reindex(counts.index)
        for run in runs.values()
        if "folders" in run
    }
    return hit_rates(hits, counts)


def last_item_counts(prompts: Sessions, train: Sessions) -> pd.Series[int]:
    """How often the last item of each prompt occurs in training, by session id."""
    last = prompts.last_items
    counts = np.bincount(train.items, minlength=int(last.max()) + 1)
    return pd.Series(counts[last], index=prompts.session_ids)


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
