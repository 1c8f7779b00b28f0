"""The table of prompted language models: what of a run's files ends up where."""

from typing import Any

import pytest

from llmseqrec.reporting.leaderboard import Label
from llmseqrec.reporting.prompted import build_prompted, prompted_layout

LABEL = Label("Tiny", "temporal", "temporal", 8, "d474", [1, 2])


def seed(ndcg: float, hallucinated: float, **costs: Any) -> dict[str, Any]:
    return {
        "metrics": {"metrics": {"ndcg@20": ndcg, "hr@20": 2 * ndcg}},
        "names": {
            "distinct": 100,
            "hallucinated_share": hallucinated,
            "similarity": 0.5 if hallucinated else None,
            "prompts": 500,
        },
        "answers": {"cost": costs.get("answers")},
        "run": {"language_model": costs.get("tuning") and {"cost": costs["tuning"]}},
    }


def run(*seeds: dict[str, Any], **settings: Any) -> dict[str, Any]:
    named = dict.fromkeys(("decoding", "temperature", "top_p"))
    known = {"task": "gen_item", "language_model": "gpt", "variant": "base"}
    return named | known | settings | {"seeds": list(seeds)}


def test_rows_are_means_over_seeds_best_first_with_costs_where_there_are_any() -> None:
    paid = {"answers": {"usd": 0.25}, "tuning": {"usd": 3.0}}
    frame = build_prompted(
        {
            "Base": run(seed(0.01, 0.5), seed(0.02, 0.7)),
            "Tuned": run(seed(0.04, 0.0, **paid), variant="fine-tuned", temperature=0.25),
        }
    ).set_index("model")
    assert frame.index.tolist() == ["Tuned", "Base"]
    assert frame.loc["Base", "ndcg@20"] == pytest.approx(0.015)
    assert frame.loc["Base", "hallucinations"] == pytest.approx(0.6)
    assert frame.loc["Tuned", "usd_per_1000_sessions"] == pytest.approx(0.5)
    assert frame.loc["Tuned", "tuning_usd"] == 3.0
    assert frame["similarity"].isna().to_dict() == {"Tuned": True, "Base": False}


def test_columns_without_a_value_are_not_shown() -> None:
    frame = build_prompted({"Held": run(seed(0.01, 0.0), decoding="constrained")})
    shown = [column.name for column in prompted_layout(frame, LABEL).columns]
    assert shown == [
        *("model", "language_model", "variant", "decoding", "hr@20", "ndcg@20"),
        *("unique_recommendations", "hallucinations"),
    ]
    unknown = build_prompted({"Paid": run(seed(0.01, 0.0, answers={"usd": None}))})
    assert "usd_per_1000_sessions" not in {c.name for c in prompted_layout(unknown, LABEL).columns}
