"""The table of validation folds."""

import pytest

from llmseqrec.reporting.folds import build_folds, folds_layout
from llmseqrec.reporting.leaderboard import Label
from llmseqrec.reporting.tables import to_markdown

LABEL = Label("Sample", "temporal", "temporal", 300, "abcdef0123456789", [1])


def seed(ndcg: float) -> dict[str, float]:
    return {"ndcg@10": ndcg / 2, "hr@10": ndcg, "ndcg@20": ndcg, "hr@20": 2 * ndcg}


RUNS = {
    "steady": {"fold1": [seed(0.02)], "fold2": [seed(0.04)], "fold3": [seed(0.06)]},
    "by chance": {f"fold{n}": [seed(0.01 * n), seed(0.05 * n)] for n in (1, 2, 3)},
    "one fold": {"fold3": [seed(0.05)]},
}


def test_folds_count_alike_and_seeds_are_averaged_first() -> None:
    frame = build_folds(RUNS).set_index("model")
    assert frame.index.tolist() == ["by chance", "one fold", "steady"]
    assert frame.loc["by chance", ["fold1", "fold2", "fold3"]].tolist() == pytest.approx(
        [0.03, 0.06, 0.09]
    )
    assert frame.loc["by chance", "ndcg@20"] == pytest.approx(0.06)
    assert frame.loc["steady", "hr@20"] == pytest.approx(0.08)


def test_a_run_that_lacks_folds_says_so() -> None:
    frame = build_folds(RUNS).set_index("model")
    assert frame.loc["one fold", "folds"] == 1
    assert frame.loc["one fold", ["fold1", "fold2"]].isna().all()


def test_readers_see_the_mean_and_every_fold() -> None:
    frame = build_folds(RUNS)
    text = to_markdown(frame, folds_layout(frame, LABEL))
    assert "NDCG@20, fold3" in text
    assert "**0.0600**" in text
    assert "test set has no part" in text
