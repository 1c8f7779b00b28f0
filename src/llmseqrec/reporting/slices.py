"""The table of slices: accuracy on rare and frequent targets, short and long prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from llmseqrec.reporting.cells import Column, Layout
from llmseqrec.reporting.layouts import by_importance, metric_column
from llmseqrec.reporting.leaderboard import Label
from llmseqrec.reporting.metric_names import metric_order, metrics_in

NOBODY = "no such sessions"
PLACE = ["slice", "bin"]


def slices_table(slices: pd.DataFrame, displays: Mapping[str, str]) -> pd.DataFrame:
    """One row a bin and model, in the order given; a bin without sessions has one row that says so.

    Columns: slice, bin, model, sessions, and each metric with the ends of its interval. Nothing is
    rounded.

    Args:
        slices: contract SLICES.
        displays: name that readers see of each run.
    """
    metrics = metric_order(slices["metric"])
    rows = slices[[*PLACE, "run"]].drop_duplicates()
    keys = pd.MultiIndex.from_frame(rows)
    parts = {
        str(metric): part.set_index([*PLACE, "run"]).loc[keys]
        for metric, part in slices.groupby("metric")
    }
    sessions = np.max([part["sessions"] for part in parts.values()], axis=0)
    frame = rows.assign(model=rows["run"].map(dict(displays)), sessions=sessions)
    for metric in metrics:
        frame[metric] = parts[metric]["value"].to_numpy()
        for end in ("ci_low", "ci_high"):
            frame[f"{metric}_{end}"] = parts[metric][end].to_numpy()
    nobody = frame.groupby(PLACE, sort=False)["sessions"].transform("max") == 0
    frame.loc[nobody, "model"] = NOBODY
    kept = ~(nobody & frame.duplicated(PLACE))
    return frame[kept].drop(columns="run").reset_index(drop=True)


def slices_layout(frame: pd.DataFrame, label: Label) -> Layout:
    """NDCG and HR at the largest cut-off with their intervals, then the other metrics of each bin;
    the csv has all intervals.
    """
    leading, others = by_importance(metrics_in(frame))
    columns = [
        Column("slice", "Slice"),
        Column("bin", "Bin"),
        Column("model", "Model"),
        Column("sessions", "Sessions", 0),
    ]
    for metric in [*leading, *others]:
        ends = (f"{metric}_ci_low", f"{metric}_ci_high")
        interval = ends if metric in leading else None
        columns.append(replace(metric_column(metric), ranked=False, interval=interval))
    caption = (
        f"{label.details[0].upper()}{label.details[1:]}. Means over seeds of the sessions of each "
        "bin, with 95 % bootstrap intervals over seeds and sessions. Cold items: targets with 0, "
        "1–5 and 6–10 occurrences in training (≤ 5, ≤ 10: together); cold users: sessions with "
        "up to three items in the prompt."
    )
    return Layout(f"Slices: {label.title}", caption, columns)
