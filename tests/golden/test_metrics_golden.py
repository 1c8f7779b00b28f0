"""The six metrics agree with the reference's own numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmseqrec.evaluation.metrics import Evaluation, ItemCounts, align_lists, evaluate

GOLDEN = json.loads((Path(__file__).parent / "data" / "metrics_golden.json").read_text())
NAMES = {
    "NDCG": "ndcg",
    "HitRate": "hr",
    "MRR": "mrr",
    "Catalog coverage": "catcov",
    "Serendipity": "seren",
    "Novelty": "novel",
}


def padded(rows: list[list[int]]) -> np.ndarray:
    result = np.full((len(rows), max(map(len, rows))), -1, dtype=np.int32)
    for row, items in zip(result, rows, strict=True):
        row[: len(items)] = items
    return result


def counts_of(pairs: list[list[int]]) -> ItemCounts:
    counts = np.zeros(1 + max(item for item, _ in pairs), dtype=np.int64)
    for item, count in pairs:
        counts[item] = count
    order = [item for item, _ in sorted(pairs, key=lambda pair: -pair[1])]
    return ItemCounts(counts, np.array(order))


def run(case: dict[str, Any], k: int, counts: ItemCounts, n_items: int | None) -> Evaluation:
    sessions = np.array([int(key) for key in case["ground_truths"]])
    listed = np.array([int(key) for key in case["predictions"]])
    rows, lists = align_lists(sessions, listed, padded([*case["predictions"].values()]), "drop")
    targets = padded([*case["ground_truths"].values()])[rows]
    return evaluate(lists, targets, counts, [k], n_items)


def ours(name: str) -> str:
    metric, cutoff = name.split("@")
    return f"{NAMES[metric]}@{cutoff}"


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_equals_the_reference(case: dict[str, Any]) -> None:
    counts = counts_of(case["item_count_in_dict_order"])
    for k, expected in case["expected"].items():
        result = run(case, int(k), counts, case["num_items"])
        assert result.aggregate == pytest.approx(
            {ours(name): value for name, value in expected["results"].items()}, abs=1e-12
        )
        for name, values in expected["per_session"].items():
            np.testing.assert_allclose(
                result.per_session[ours(name)], values, atol=1e-12, err_msg=f"{name} {case['name']}"
            )


def test_without_catalogue_size_coverage_divides_by_the_union() -> None:
    case = GOLDEN["num_items_not_given"]
    result = run(case, case["k"], ItemCounts(np.ones(10, dtype=np.int64)), None)
    for name, value in case["expected"].items():
        assert result.aggregate[ours(name)] == pytest.approx(value, abs=1e-12)
