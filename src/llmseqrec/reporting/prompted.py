"""What language models answered (study, Table 7): accuracy, made-up names, and what it cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from llmseqrec.reporting.cells import Column, Layout
from llmseqrec.reporting.layouts import metric_column
from llmseqrec.reporting.leaderboard import Label
from llmseqrec.reporting.metric_names import headline, metrics_in

_SETTINGS = ("task", "language_model", "variant", "decoding", "temperature", "top_p")


def build_prompted(runs: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """One row a run, by NDCG at the largest cut-off; numbers are means over seeds, unrounded.

    Columns: model; task, language_model, variant, decoding, temperature, top_p; each metric;
    unique_recommendations, names that differ within their session, summed over sessions;
    hallucinations, the share of generated names that no item has; similarity of these with their
    nearest item; usd_per_1000_sessions for answers and tuning_usd, where somebody is paid and the
    price is known.

    Args:
        runs: display name to the settings above and `seeds`, a list of the content of the files
            metrics.test.json (`metrics`), names.test.json, answers.test.json and run.json.
    """
    frame = pd.DataFrame([_row(display, run) for display, run in runs.items()])
    ndcg = headline(metrics_in(frame))
    return frame.sort_values(ndcg, ascending=False, kind="stable", ignore_index=True)


def prompted_layout(frame: pd.DataFrame, label: Label) -> Layout:
    """The columns of the study's table, and costs where there are any."""
    metrics = metrics_in(frame)
    columns = [
        Column("model", "Model"),
        Column("language_model", "Language model"),
        Column("variant", "Variant"),
        Column("decoding", "Decoding"),
        Column("temperature", "Temperature", 2),
        Column("top_p", "Top p", 2),
        metric_column(headline(metrics, "hr")),
        metric_column(headline(metrics)),
        Column("unique_recommendations", "Unique recommendations", 0),
        Column("hallucinations", "Hallucinations (share)", 4),
        Column("similarity", "Embedding similarity", 3),
        Column("usd_per_1000_sessions", "USD per 1,000 sessions", 4),
        Column("tuning_usd", "USD of fine-tuning", 2),
    ]
    caption = (
        "Language models asked by prompts, as in the study's Table 7. A hallucination is a "
        "generated name that no item has; its similarity is the dot product with the nearest item."
    )
    shown = [column for column in columns if not frame[column.name].isna().all()]
    return Layout(f"Prompted language models: {label.title}", caption, shown)


def _row(display: str, run: Mapping[str, Any]) -> dict[str, Any]:
    seeds: Sequence[Mapping[str, Any]] = run["seeds"]
    metrics = pd.DataFrame([seed["metrics"]["metrics"] for seed in seeds]).mean()
    row: dict[str, Any] = {"model": display} | {name: run[name] for name in _SETTINGS}
    row |= {str(name): value for name, value in metrics.items()}
    return row | {
        "unique_recommendations": _mean([seed["names"]["distinct"] for seed in seeds]),
        "hallucinations": _mean([seed["names"]["hallucinated_share"] for seed in seeds]),
        "similarity": _mean([seed["names"]["similarity"] for seed in seeds]),
        "usd_per_1000_sessions": _mean([_per_thousand(seed) for seed in seeds]),
        "tuning_usd": _mean([_usd(seed["run"]["language_model"] or {}) for seed in seeds]),
    }


def _per_thousand(seed: Mapping[str, Any]) -> float | None:
    usd = _usd(seed["answers"])
    return None if usd is None else 1000 * usd / seed["names"]["prompts"]


def _usd(facts: Mapping[str, Any]) -> float | None:
    found: float | None = (facts.get("cost") or {}).get("usd")
    return found


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else math.nan
