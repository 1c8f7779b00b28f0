"""Sentences that paired comparisons support, and those that they do not."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from llmseqrec.reporting.metric_names import metric_header

SIGNIFICANCE = 0.05
# What more of a metric is called; novelty is no merit by itself.
MORE_AND_LESS = {"novel": ("higher than", "lower than")}
BETTER_AND_WORSE = ("better than", "worse than")


def make_statements(
    table: pd.DataFrame,
    metric: str,
    displays: Mapping[str, str],
    tie_spreads: Mapping[str, float],
    one_seed: Collection[str] = (),
) -> list[dict[str, Any]]:
    """One statement a pair of runs, in the order of the table.

    A difference is claimed where the adjusted p-value is below SIGNIFICANCE and the interval leaves
    out zero; otherwise the statement says that none can be told.

    Args:
        table: of the contract COMPARISON.
        metric: the one that statements are made of, such as `ndcg@20`.
        displays: what readers call each run.
        tie_spreads: of runs whose ties were shuffled, highest less lowest value of the metric.
        one_seed: runs that use chance and were done with one seed; what is said of them says so.

    Returns:
        `text`; `a` and `b`, names of the runs; `metric`, `difference` (a minus b), `low`, `high`,
        `p` (adjusted), `comparisons` (how many p was adjusted for), `levels` of the interval,
        `supported`, and `within_ties`: the difference is no larger than what another order of
        tied interactions does to one of the two runs; None where that is not known.
    """
    rows: list[Any] = table[table["metric"] == metric].to_dict("records")
    made = [_statement(row, len(rows), displays, tie_spreads) for row in rows]
    for statement in made:
        if not {statement["a"], statement["b"]}.isdisjoint(one_seed):
            statement["text"] += " (one seed: chance of training is not counted)"
    return made


def tie_spread(shuffles: Sequence[Mapping[str, float]], metric: str) -> float:
    """Highest less lowest value of a metric over shuffles of tied interactions."""
    values = [shuffle[metric] for shuffle in shuffles]
    return max(values) - min(values)


def _statement(
    row: Mapping[str, Any],
    comparisons: int,
    displays: Mapping[str, str],
    tie_spreads: Mapping[str, float],
) -> dict[str, Any]:
    a, b, low, high = row["run_a"], row["run_b"], row["ci_low"], row["ci_high"]
    supported = bool(row["p_adjusted"] < SIGNIFICANCE and (low > 0 or high < 0))
    spread = max((tie_spreads[run] for run in (a, b) if run in tie_spreads), default=None)
    within = None if spread is None else bool(abs(row["difference"]) <= spread)
    text = _claim(row, displays) if supported else _doubt(row, displays)
    family = f"{comparisons} comparison{'s' if comparisons != 1 else ''}"
    text += f" {metric_header(row['metric'])}, {_p_text(row['p_adjusted'])} (Holm, {family})."
    if within and spread is not None:
        text += f" Another order of tied interactions moves a run by as much ({_number(spread)})."
    return {
        "text": text,
        "a": a,
        "b": b,
        "metric": row["metric"],
        "difference": row["difference"],
        "low": low,
        "high": high,
        "p": row["p_adjusted"],
        "comparisons": comparisons,
        "levels": row["levels"],
        "supported": supported,
        "within_ties": within,
    }


def _claim(row: Mapping[str, Any], displays: Mapping[str, str]) -> str:
    sign = 1 if row["difference"] > 0 else -1
    low, high = sorted([sign * row["ci_low"], sign * row["ci_high"]])
    words = MORE_AND_LESS.get(row["metric"].split("@")[0], BETTER_AND_WORSE)
    word = words[0] if sign > 0 else words[1]
    size = f"{_number(sign * row['difference'])} [{_number(low)}, {_number(high)}]"
    return f"{displays[row['run_a']]} is {word} {displays[row['run_b']]} by {size}"


def _doubt(row: Mapping[str, Any], displays: Mapping[str, str]) -> str:
    names = f"{displays[row['run_a']]} and {displays[row['run_b']]}"
    size = f"{_number(row['difference'])} [{_number(row['ci_low'])}, {_number(row['ci_high'])}]"
    return f"No difference can be told between {names}: {size}"


def _number(value: float) -> str:
    """Four decimals, without a zero before the point."""
    text = f"{value:.4f}".replace("-", "−")
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def _p_text(p: float) -> str:
    """Three decimals, more where they would round to the threshold of a claim."""
    if p < 0.001:
        return "p < .001"
    digits = 3
    while digits < 12 and p != SIGNIFICANCE and round(p, digits) == SIGNIFICANCE:
        digits += 1
    return f"p = {f'{p:.{digits}f}'.removeprefix('0')}"
