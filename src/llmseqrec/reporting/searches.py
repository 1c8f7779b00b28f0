"""Tables of searches: how many trials each model had (study, Table 3), and what they chose."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from llmseqrec.reporting.cells import Column, Layout
from llmseqrec.whole_yaml import read_whole_yaml

Best = Mapping[str, Any]
STATES = ("complete", "pruned", "fail")

SEARCHES_LAYOUT = Layout(
    "Searches",
    "Trials of all variants together, and the best mean NDCG@20 over the validation folds. The "
    "test set has no part in a search.",
    [
        Column("search", "Run and dataset"),
        Column("model", "Model"),
        Column("trials", "Trials", 0),
        Column("complete", "Completed", 0),
        Column("pruned", "Given up", 0),
        Column("fail", "Failed", 0),
        Column("value", "NDCG@20 on folds", 4),
        Column("variant", "Best variant"),
    ],
)


def read_best(path: Path) -> dict[str, Any]:
    """The content of best.yaml."""
    return read_whole_yaml(path)


def searches_table(found: Mapping[str, Best]) -> pd.DataFrame:
    """One row a search.

    Args:
        found: best.yaml of each search, by what readers see of it.
    """
    rows = [
        {
            "search": title,
            "model": best["model"],
            "trials": sum(best["trials"].values()),
            **{state: best["trials"].get(state, 0) for state in STATES},
            "value": best["value"],
            "variant": best["variant"],
        }
        for title, best in found.items()
    ]
    return pd.DataFrame(rows)


def choices_table(best: Best) -> pd.DataFrame:
    """What was chosen, beside what the study chose where it tells; one row a parameter."""
    names = dict.fromkeys([*best["chosen"], *best["published"]])
    rows = [
        {
            "parameter": name,
            "chosen": _shown(best["chosen"], name),
            "published": _shown(best["published"], name),
        }
        for name in names
    ]
    return pd.DataFrame(rows, columns=["parameter", "chosen", "published"])


def choices_layout(best: Best, title: str) -> Layout:
    """The columns of such a table."""
    columns = [
        Column("parameter", "Parameter"),
        Column("chosen", "Chosen here"),
        Column("published", "Published"),
    ]
    trials = sum(best["trials"].values())
    caption = (
        f"Best of {trials} trials: NDCG@20 {best['value']:.4f} on the validation folds. Published "
        "values are those of the study's own dataset, split and item vectors; – where it has none."
    )
    return Layout(f"Chosen parameters: {title}", caption, columns)


def _shown(values: Mapping[str, Any], name: str) -> str:
    if name not in values:
        return "–"
    value = values[name]
    return "none" if value is None else str(value)
