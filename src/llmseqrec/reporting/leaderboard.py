"""The leaderboard: models by accuracy, beside the published values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from llmseqrec.errors import InputError
from llmseqrec.reporting.metric_names import headline, metric_order
from llmseqrec.reporting.tables import read_table_csv

PROTOCOLS = {"temporal": "temporal split", "leave_one_out": "leave-one-out"}
# What may follow a metric's name in a column of the leaderboard.
SUFFIXES = (
    "sd",
    "best_seed",
    "ci_low",
    "ci_high",
    "ties_mean",
    "ties_sd",
    "ties_min",
    "ties_max",
    "published",
    "difference",
)
RAN, NOT_RUN, PUBLISHED_ONLY = "ran", "not run", "published only"


@dataclass(frozen=True)
class Label:
    """What the numbers of a table or figure were measured on.

    Attributes:
        dataset: display name.
        split: name of the split in the configuration.
        protocol: `temporal` or `leave_one_out`.
        test_sessions: number of sessions every mean is taken over.
        data_hash: hash of the prepared data.
        seeds: seeds of the runs that use chance.
        synthetic: whether the data were generated.
    """

    dataset: str
    split: str
    protocol: str
    test_sessions: int
    data_hash: str
    seeds: Sequence[int]
    synthetic: bool = False

    @property
    def shown(self) -> str:
        """The dataset as readers see it; synthetic data are called that."""
        return self.dataset + (" (synthetic data)" if self.synthetic else "")

    @property
    def title(self) -> str:
        """Dataset and protocol."""
        return f"{self.shown}, {PROTOCOLS[self.protocol]}"

    @property
    def details(self) -> str:
        """Number of test sessions, seeds, data hash."""
        if not self.test_sessions:
            return "no data on this machine"
        seeds = ", ".join(map(str, self.seeds))
        return (
            f"{self.test_sessions:,} test sessions, full ranking, "
            f"seed{'s' if len(self.seeds) != 1 else ''} {seeds}, data {self.data_hash[:12]}"
        )

    def __str__(self) -> str:
        return f"{self.title}: {self.details}"


@dataclass(frozen=True)
class TieShuffles:
    """Metrics of one run under shuffles of the interactions that share a time stamp.

    Attributes:
        metrics: one dictionary a shuffle.
        refitted: whether the model was fitted again for each shuffle; otherwise only the order of
            the test sessions was shuffled.
    """

    metrics: Sequence[Mapping[str, float]]
    refitted: bool

    def __str__(self) -> str:
        what = "refitted each time" if self.refitted else "test order only"
        return f"ties: {len(self.metrics)} shuffles, {what}"


@dataclass(frozen=True)
class RunResult:
    """What one run scored.

    Attributes:
        display: the name readers see.
        per_seed: one dictionary a seed, such as {"ndcg@20": 0.043}.
        intervals: 95 % interval of a metric's mean.
        levels: what they are taken over, `sessions` or `seeds+sessions`.
        ties: scores under shuffled ties.
        published_row: `model` of the published table to compare with.
        note: shown in the last column.
    """

    display: str
    per_seed: Sequence[Mapping[str, float]]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    levels: str = ""
    ties: TieShuffles | None = None
    published_row: str | None = None
    note: str = ""


@dataclass(frozen=True)
class NotRun:
    """A run whose needs are unmet here."""

    display: str
    reason: str
    published_row: str | None = None


def read_published(path: Path | str) -> pd.DataFrame:
    """Read a published table and the notes on its rows that stand in `notes.csv` beside it.

    Returns:
        One row a model, indexed by `model`: the metrics as printed, and `note`.

    Raises:
        InputError: the file is absent or has no column `model`.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such published table")
    table = pd.read_csv(path)
    if "model" not in table:
        raise InputError(f"{path}: has no column 'model'")
    table = table.set_index("model").assign(note="")
    notes = path.with_name("notes.csv")
    if notes.exists():
        known = pd.read_csv(notes).query("table == @path.stem").set_index("model")["note"]
        table["note"] = known.reindex(table.index).fillna("")
    return table


def build_leaderboard(
    results: Sequence[RunResult],
    label: Label,
    not_run: Sequence[NotRun] = (),
    published: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row a model: those that ran by NDCG at the largest cut-off, ties by name; then those
    that could not run; then published models the configuration does not have.

    Columns: rank, model, dataset, protocol, status; for each metric its mean over seeds and, where
    there is something to say, the columns `{metric}_{suffix}` of SUFFIXES; levels of the intervals;
    note. Nothing is rounded. `_best_seed` is of the seed with the best NDCG on the test set, which
    the study's code reports (Q1); it serves comparison with published values only. `_difference` is
    relative to the published value, (own - published) / published, where own is the mean over tie
    shuffles if there were any, otherwise the mean over seeds.

    Args:
        results: what ran.
        label: what it was measured on.
        not_run: what could not run, in the order to show.
        published: as `read_published` gives it.

    Raises:
        InputError: a run names a published row that the table lacks.
    """
    if published is None:
        published = pd.DataFrame({"note": pd.Series(dtype=str)}, index=pd.Index([], name="model"))
    metrics = metric_order(key for result in results for key in result.per_seed[0])
    metrics = metrics or metric_order(published.columns.drop("note"))
    rows = pd.DataFrame([_result_row(result, published) for result in results])
    if len(rows):
        rows = rows.sort_values("model", kind="stable")
        rows = rows.sort_values(headline(metrics), ascending=False, kind="stable")
    rest = [_not_run_row(run, published) for run in not_run]
    rest += _published_only_rows([*results, *not_run], published)
    frame = pd.concat([rows, pd.DataFrame(rest)], ignore_index=True)
    ranks = pd.Series(range(1, len(frame) + 1), dtype="Int64")
    frame["rank"] = ranks.where(ranks <= len(results))
    frame["dataset"] = label.shown
    frame["protocol"] = label.protocol
    return frame.reindex(columns=_columns(frame, metrics))


def read_leaderboard(path: Path | str) -> pd.DataFrame:
    """Read the csv file of a leaderboard: the same numbers, bit by bit."""
    frame = read_table_csv(path, ("model", "note"))
    return frame.assign(rank=frame["rank"].astype("Int64"), note=frame["note"].fillna(""))


def _result_row(result: RunResult, published: pd.DataFrame) -> dict[str, object]:
    seeds = pd.DataFrame(list(result.per_seed), dtype=float)
    ties = pd.DataFrame(list(result.ties.metrics) if result.ties else [], dtype=float)
    row: dict[str, object] = {"model": result.display, "status": RAN}
    row |= {"levels": result.levels} if result.intervals else {}
    row |= dict(seeds.mean()) | _suffixed(seeds.std(), "sd")
    if len(seeds) > 1:
        best = int(seeds[headline(metric_order(seeds.columns))].argmax())
        row |= _suffixed(seeds.iloc[best], "best_seed")
    for metric, (low, high) in result.intervals.items():
        row |= {f"{metric}_ci_low": low, f"{metric}_ci_high": high}
    for statistic in ("mean", "std", "min", "max"):
        suffix = "ties_" + statistic.replace("std", "sd")
        row |= _suffixed(ties.agg(statistic), suffix) if len(ties) else {}
    row |= _published_values(result.published_row, result.display, published)
    for metric in seeds.columns:
        own, reference = row.get(f"{metric}_ties_mean", row[metric]), row.get(f"{metric}_published")
        row[f"{metric}_difference"] = _relative(own, reference)
    notes = [result.note, str(result.ties or ""), _published_note(result.published_row, published)]
    return row | {"note": "; ".join(filter(None, notes))}


def _not_run_row(run: NotRun, published: pd.DataFrame) -> dict[str, object]:
    values = _published_values(run.published_row, run.display, published)
    reason = f"not run: {' '.join(run.reason.split())}"
    note = "; ".join(filter(None, [reason, _published_note(run.published_row, published)]))
    return {"model": run.display, "status": NOT_RUN, "note": note, **values}


def _published_only_rows(
    runs: Sequence[RunResult | NotRun], published: pd.DataFrame
) -> list[dict[str, object]]:
    """Published rows that no run stands for, in the order of the published table."""
    taken = {run.published_row for run in runs}
    return [
        {
            "model": str(name),
            "status": PUBLISHED_ONLY,
            "note": "; ".join(
                filter(None, ["not in this configuration", _published_note(str(name), published)])
            ),
            **_published_values(str(name), str(name), published),
        }
        for name in published.index
        if name not in taken
    ]


def _published_values(row: str | None, display: str, published: pd.DataFrame) -> dict[str, object]:
    if row is None or published.empty:
        return {}
    if row not in published.index:
        raise InputError(
            f"run {display!r}: the published table has no row {row!r}; "
            f"it has {', '.join(map(str, published.index))}"
        )
    return _suffixed(published.drop(columns="note").T[row], "published")


def _published_note(row: str | None, published: pd.DataFrame) -> str:
    return "" if row is None else str(published["note"].get(row, ""))


def _suffixed(values: pd.Series, suffix: str) -> dict[str, object]:
    return {f"{metric}_{suffix}": value for metric, value in values.items()}


def _relative(own: object, reference: object) -> float:
    """(own - reference) / reference; NaN without a reference or with one of zero."""
    own, reference = float(str(own)), float("nan" if reference is None else str(reference))
    return (own - reference) / reference if reference else np.nan


def _columns(frame: pd.DataFrame, metrics: Sequence[str]) -> list[str]:
    """All columns in order, less those of SUFFIXES that hold nothing."""
    columns = ["rank", "model", "dataset", "protocol", "status"]
    for metric in metrics:
        extra = [f"{metric}_{suffix}" for suffix in SUFFIXES]
        columns += [
            metric,
            *(name for name in extra if name in frame and frame[name].notna().any()),
        ]
    return [*columns, *(["levels"] if "levels" in frame else []), "note"]
