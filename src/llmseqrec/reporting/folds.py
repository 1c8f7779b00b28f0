"""What runs score on the validation folds: the table that choices are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from llmseqrec.reporting.cells import Column, Layout
from llmseqrec.reporting.layouts import by_importance, metric_column
from llmseqrec.reporting.leaderboard import Label
from llmseqrec.reporting.metric_names import headline, metric_header, metric_order, metrics_in

PerSeed = Sequence[Mapping[str, float]]


def build_folds(runs: Mapping[str, Mapping[str, PerSeed]]) -> pd.DataFrame:
    """One row a run, by NDCG at the largest cut-off; equal ones in the order given.

    Columns: model; folds, how many; each metric, its mean over the folds of the means over seeds;
    and the headline metric of every fold, such as `fold1`. A run that lacks a fold has a mean over
    the others, which `folds` tells. Nothing is rounded.

    Args:
        runs: display name to fold to the metrics of each seed on the prompts of that fold.
    """
    rows = [_row(display, folds) for display, folds in runs.items()]
    frame = pd.DataFrame(rows)
    metrics = metrics_in(frame)
    parts = sorted({fold for folds in runs.values() for fold in folds})
    frame = frame.sort_values(headline(metrics), ascending=False, kind="stable", ignore_index=True)
    return frame[["model", "folds", *metrics, *parts]]


def folds_layout(frame: pd.DataFrame, label: Label) -> Layout:
    """NDCG and HR at the largest cut-off, NDCG of every fold, then the other metrics."""
    metrics = metrics_in(frame)
    leading, others = by_importance(metrics)
    parts = frame.columns.difference(["model", "folds", *metrics])
    columns = [
        Column("model", "Model"),
        *(metric_column(metric) for metric in leading),
        *(Column(str(part), f"{metric_header(leading[0])}, {part}", 4) for part in parts),
        *(metric_column(metric) for metric in others),
        Column("folds", "Folds", 0),
    ]
    caption = (
        "Means over the validation folds, each run fitted anew for every fold; the test set has no "
        "part in it. Best value of a column in bold, runner-up underlined."
    )
    return Layout(f"Validation folds: {label.title}", caption, columns)


def _row(display: str, folds: Mapping[str, PerSeed]) -> dict[str, object]:
    means = pd.DataFrame({fold: pd.DataFrame(list(seeds)).mean() for fold, seeds in folds.items()})
    metrics = metric_order(map(str, means.index))
    row: dict[str, object] = {"model": display, "folds": len(folds)}
    row |= {metric: means.loc[metric].mean() for metric in metrics}
    return row | dict(means.loc[headline(metrics)])
