"""Names of metrics: in files `ndcg@20`, before readers NDCG@20."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

METRICS = {
    "ndcg": "NDCG",
    "hr": "HR",
    "mrr": "MRR",
    "catcov": "Coverage",
    "seren": "Serendipity",
    "novel": "Novelty",
}


def metric_order(metrics: Iterable[str]) -> list[str]:
    """Distinct names such as `ndcg@20`, by cut-off, then in the order of METRICS."""
    order = list(METRICS)

    def place(metric: str) -> tuple[int, int]:
        name, cutoff = metric.split("@")
        return int(cutoff), order.index(name)

    return sorted(set(metrics), key=place)


def metrics_in(frame: pd.DataFrame) -> list[str]:
    """The metrics of a leaderboard."""
    return [name for name in frame.columns if "@" in name and "_" not in name]


def headline(metrics: Sequence[str], name: str = "ndcg") -> str:
    """The metric `name` at its largest cut-off."""
    return [metric for metric in metrics if metric.startswith(f"{name}@")][-1]


def metric_header(metric: str) -> str:
    """`ndcg@20` as readers see it: NDCG@20."""
    name, cutoff = metric.split("@")
    return f"{METRICS[name]}@{cutoff}"
