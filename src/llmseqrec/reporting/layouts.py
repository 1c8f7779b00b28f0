"""Which columns of which table readers see, under which names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from llmseqrec.reporting.cells import Column, Layout
from llmseqrec.reporting.leaderboard import Label
from llmseqrec.reporting.metric_names import headline, metric_header, metrics_in

DECIMALS = {"ndcg": 4, "hr": 4, "mrr": 4, "catcov": 3, "seren": 4, "novel": 2}
# The study's Table 2; the names are keys of a statistics row.
DATASET_COLUMNS = (
    Column("p_core", "p-core", 0),
    Column("sessions", "Sessions", 0),
    Column("items", "Items", 0),
    Column("classes", "Classes", 0),
    Column("interactions", "Interactions", 0),
    Column("mean_length", "Mean length", 1),
    Column("density_percent", "Density (%)", 3),
)
# The same, then counts of the split.
STATISTICS = (
    Column("dataset", "Dataset"),
    *DATASET_COLUMNS,
    Column("split", "Split"),
    Column("train_sessions", "Train sessions", 0),
    Column("train_items", "Train items", 0),
    Column("train_interactions", "Train interactions", 0),
    Column("test_sessions_unfiltered", "Test sessions before filter", 0),
    Column("test_interactions_unfiltered", "Test interactions before filter", 0),
    Column("test_sessions", "Test sessions", 0),
    Column("test_items", "Test items", 0),
    Column("test_interactions", "Test interactions", 0),
    Column("data_hash", "Data hash"),
)
COMPARISON = (
    Column("metric", "Metric"),
    Column("run_a", "Run A"),
    Column("run_b", "Run B"),
    Column("difference", "A − B [95 % interval]", 4, interval=("ci_low", "ci_high")),
    Column("p", "p", 4),
    Column("p_adjusted", "p (Holm)", 4),
    Column("levels", "Interval over"),
)


def leaderboard_layout(frame: pd.DataFrame, label: Label) -> Layout:
    """NDCG and HR at the largest cut-off with their interval, mean over ties and published value,
    then the other metrics, largest cut-off first."""
    leading, others = by_importance(metrics_in(frame))
    columns = [Column("rank", "#", 0), Column("model", "Model")]
    for metric in leading:
        columns += [column for column in _leading_columns(metric) if column.name in frame]
    columns += [metric_column(metric) for metric in others]
    caption = f"{label.details[0].upper()}{label.details[1:]}. {_how_to_read(frame)}"
    return Layout(f"Leaderboard: {label.title}", caption, columns, note="note")


def similarities_layout(frame: pd.DataFrame, label: Label, missing: Mapping[str, str]) -> Layout:
    """Names of the vectors, NDCG and HR at the cut-off, NDCG of every fold.

    Args:
        frame: of `compare_similarities`.
        label: of the experiment.
        missing: embeddings that could not be had, and why.
    """
    ndcg, hr = metrics_in(frame)
    folds = [str(name) for name in frame.columns if str(name).startswith("fold")]
    columns = [
        Column("embedding", "Embedding"),
        Column("template", "Text"),
        Column("reduction", "Reduction"),
        Column("dimensions", "Dimensions", 0),
        Column("decay", "Decay"),
        metric_column(ndcg),
        metric_column(hr),
        *(Column(fold, f"{metric_header(ndcg)}, {fold}", 4) for fold in folds),
    ]
    caption = f"LLMSeqSim without training, means over {len(folds)} folds; no test set has a part."
    caption += "".join(f" Not run: {name}: {reason}." for name, reason in missing.items())
    return Layout(f"Item vectors: {label.title}", caption, columns)


def by_importance(metrics: Sequence[str]) -> tuple[list[str], list[str]]:
    """NDCG and HR at the largest cut-off; the other metrics, largest cut-off first.

    Both are empty where nothing ran and nothing was published.
    """
    if not metrics:
        return [], []
    leading = [headline(metrics), headline(metrics, "hr")]
    others = [metric for metric in metrics if metric not in leading]
    return leading, sorted(others, key=lambda metric: -int(metric.split("@")[1]))


def statistics_table(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """A frame of dataset statistics with the columns of STATISTICS that any row has.

    Args:
        rows: one a dataset and split. Mean length and density are worked out from `sessions`,
            `items` and `interactions`.
    """
    needed = ["dataset", "sessions", "items", "interactions"]
    frame = pd.DataFrame(list(rows), columns=None if rows else needed)
    frame["mean_length"] = frame["interactions"] / frame["sessions"]
    pairs = frame["sessions"].astype(float) * frame["items"]
    frame["density_percent"] = 100 * frame["interactions"] / pairs
    return frame[[column.name for column in STATISTICS if column.name in frame]]


def statistics_layout(frame: pd.DataFrame, missing: Mapping[str, str] | None = None) -> Layout:
    """The statistics of all datasets and splits.

    Args:
        frame: as `statistics_table` gives it.
        missing: why a dataset could not be had, by its display name; told in the caption.
    """
    caption = (
        "Datasets after cleaning, and their splits. The filter drops rows of test sessions whose "
        "item is absent from the training sessions, then sessions with fewer than two rows left."
    )
    reasons = [f"{name} (not run: {reason})" for name, reason in (missing or {}).items()]
    caption += f" Not shown: {'; '.join(reasons)}." if reasons else ""
    columns = [column for column in STATISTICS if column.name in frame]
    return Layout("Dataset statistics", caption, columns)


def comparison_layout(label: Label, statements: Sequence[str] = ()) -> Layout:
    """Paired tests between runs, and what can be said of them."""
    caption = (
        f"{label.details}. Differences of means over seeds and the same test sessions, with 95 % "
        "bootstrap intervals over sessions and, where a run has several, seeds; p by a paired "
        "permutation test over sessions, and adjusted by Holm's method within each metric."
    )
    title = f"Paired comparisons: {label.title}"
    return Layout(title, caption, COMPARISON, remarks=statements)


def _how_to_read(frame: pd.DataFrame) -> str:
    """Explains what the table shows, and nothing it does not."""
    parts = {
        "": "Best value of a column in bold, runner-up underlined.",
        "_sd": "± is the standard deviation over seeds or tie shuffles.",
        "_best_seed": "Best seed: the one with the best NDCG on the test set, as the study's "
        "code chooses; for comparison with published values only.",
        "_ci_low": "Brackets hold the 95 % interval over test sessions and, where there are "
        "several, seeds.",
        "_ties_mean": "Over ties: mean over shuffles of interactions with one time stamp, and in "
        "brackets the lowest and highest.",
        "_difference": "Differences are relative to the published value; "
        "the mean over ties is compared where there is one.",
    }
    return " ".join(
        text for end, text in parts.items() if any(name.endswith(end) for name in frame.columns)
    )


def metric_column(metric: str) -> Column:
    """A metric with its spread, where the frame has one; the best values are marked."""
    return Column(
        metric,
        metric_header(metric),
        DECIMALS[metric.split("@")[0]],
        ranked=True,
        spread=f"{metric}_sd",
    )


def _leading_columns(metric: str) -> list[Column]:
    header = metric_header(metric)
    interval = (f"{metric}_ci_low", f"{metric}_ci_high")
    band = (f"{metric}_ties_min", f"{metric}_ties_max")
    over_ties = Column(f"{metric}_ties_mean", f"{header} over ties", 4, spread=f"{metric}_ties_sd")
    return [
        replace(metric_column(metric), interval=interval),
        Column(f"{metric}_best_seed", "Best seed", 4),
        replace(over_ties, interval=band),
        Column(f"{metric}_published", "Published", 3),
        Column(f"{metric}_difference", "Difference", 1, percent=True),
    ]
