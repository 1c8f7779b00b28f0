"""Finished runs gathered over seeds, and compared session by session."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llmseqrec.contracts import COMPARISON, read_table, write_json, write_table
from llmseqrec.summary import (
    compare_runs,
    gather,
    label_of,
    run_result,
    session_means,
)

N = 60


def write_run(folder: Path, hits: np.ndarray, ids: range = range(N)) -> str:
    table = pd.DataFrame({"session_id": ids, "hr@20": hits, "ndcg@20": hits / 2})
    folder.mkdir(parents=True)
    table.to_parquet(folder / "per_session.test.parquet")
    means = {"hr@20": float(hits.mean()), "ndcg@20": float(hits.mean() / 2)}
    without = {"sessions_dropped": N - len(hits), "sessions_without_list": N - len(hits)}
    write_json({"metrics": means} | without, folder / "metrics.test.json")
    return str(folder)


@pytest.fixture
def seeds(tmp_path: Path) -> list[str]:
    hits = np.arange(N) % 2
    return [write_run(tmp_path / "seed1", hits), write_run(tmp_path / "seed2", 1 - hits)]


def test_session_values_are_means_over_seeds(seeds: list[str]) -> None:
    means = session_means(seeds)
    assert means.index.tolist() == list(range(N))
    assert (means["hr@20"] == 0.5).all()
    assert session_means(seeds[:1])["hr@20"].tolist() == [n % 2 for n in range(N)]


def test_a_result_holds_seeds_intervals_and_notes(seeds: list[str], tmp_path: Path) -> None:
    write_json({"metrics": [{"hr@20": 0.1}], "refitted": True}, tmp_path / "ties.json")
    result = run_result("A", seeds[:1], tmp_path / "ties.json", None)
    low, high = result.intervals["hr@20"]
    assert low < 0.5 < high
    assert result.per_seed == [{"hr@20": 0.5, "ndcg@20": 0.25}]
    assert result.ties is not None
    assert result.ties.refitted
    assert result.note == ""
    assert result.levels == "sessions"
    assert run_result("A", seeds, None, None).levels == "seeds+sessions"
    assert result == run_result("A", seeds[:1], tmp_path / "ties.json", None)
    dropped = write_run(tmp_path / "dropped", np.ones(50), range(50))
    assert run_result("B", [dropped], None, None).note == "10 sessions without a list dropped"


def test_comparison_pairs_sessions_and_adjusts_within_a_metric(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    base = rng.integers(0, 2, N)
    better = np.maximum(base, rng.integers(0, 2, N))
    folders = {
        "base": [write_run(tmp_path / "base", base)],
        "better": [write_run(tmp_path / "better", better)],
        # The same values in another order of sessions: pairing is by id.
        "same": [write_run(tmp_path / "same", base[::-1], range(N - 1, -1, -1))],  # type: ignore[arg-type]
    }
    pairs = [("same", "base"), ("better", "base")]
    table = compare_runs(folders, pairs)
    found = table.set_index(["metric", "run_a"])
    assert found.loc[("hr@20", "better"), "difference"] == pytest.approx((better - base).mean())
    assert found.loc[("hr@20", "better"), "p"] < 0.01
    assert found.loc[("hr@20", "better"), "p_adjusted"] == pytest.approx(
        2 * found.loc[("hr@20", "better"), "p"]
    )
    assert found.loc[("hr@20", "same"), "difference"] == 0
    assert found.loc[("hr@20", "same"), "p_adjusted"] == 1
    assert set(table["levels"]) == {"sessions"}
    pd.testing.assert_frame_equal(table, compare_runs(folders, pairs[::-1]))
    write_table(table, tmp_path / "comparison.parquet", COMPARISON)


def test_only_sessions_of_both_runs_are_compared(tmp_path: Path) -> None:
    folders = {
        "all": [write_run(tmp_path / "all", np.ones(N))],
        "half": [write_run(tmp_path / "half", np.ones(30), range(30))],
    }
    assert (compare_runs(folders, [("all", "half")])["difference"] == 0).all()


def test_no_pairs_no_rows(tmp_path: Path) -> None:
    write_table(compare_runs({}, []), tmp_path / "comparison.parquet", COMPARISON)
    assert read_table(tmp_path / "comparison.parquet", COMPARISON).empty


def test_gathered_runs_are_done_or_have_a_reason(seeds: list[str]) -> None:
    runs = {
        "a": {"display": "A", "row": "A", "folders": seeds, "ties": None},
        "b": {"display": "B", "row": None, "reason": "no file b.csv"},
    }
    done, missing, published = gather(runs, None)
    assert [result.display for result in done] == ["A"]
    assert done[0].published_row is None  # without a published table no row is named
    assert [(run.display, run.reason) for run in missing] == [("B", "no file b.csv")]
    assert published is None


@pytest.mark.parametrize(
    ("cost", "note"),
    [
        ({"usd": 0.25}, "answers: 0.5000 USD for 1,000 sessions"),
        ({"usd": None}, "answers: unknown price"),
        (None, ""),
    ],
)
def test_a_row_tells_what_answers_cost(
    cost: dict[str, float] | None, note: str, seeds: list[str], tmp_path: Path
) -> None:
    write_json({"answers": 10_000, "prompts": 500, "cost": cost}, tmp_path / "answers.test.json")
    row = {"display": "A", "row": None, "folders": seeds, "ties": None}
    done, _, _ = gather({"a": row | {"asked": str(tmp_path / "answers.test.json")}}, None)
    without, _, _ = gather({"a": row}, None)
    assert done[0].note == "; ".join(filter(None, [without[0].note, note]))


def test_label_tells_what_was_measured_on(tmp_path: Path) -> None:
    counts = {"test_sessions": 9, "data_hash": "abc"}
    write_json(counts, tmp_path / "statistics.json")
    dataset = {"display": "Sample", "synthetic": True, "protocol": "temporal"}
    label = label_of(dataset, "temporal", str(tmp_path / "statistics.json"), [1, 2])
    assert "synthetic data" in str(label)
    assert "9 test sessions" in str(label)
    assert "no data" in str(label_of(dataset, "temporal", None, [1, 2]))
