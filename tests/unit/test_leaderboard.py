from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llmseqrec.errors import InputError
from llmseqrec.reporting.layouts import leaderboard_layout
from llmseqrec.reporting.leaderboard import (
    Label,
    NotRun,
    RunResult,
    TieShuffles,
    build_leaderboard,
    read_leaderboard,
    read_published,
)
from llmseqrec.reporting.metric_names import metrics_in
from llmseqrec.reporting.tables import write_tables
from llmseqrec.reporting.terminal import format_leaderboard

TABLES = Path(__file__).parents[2] / "config" / "published" / "tables"
LABEL = Label("Sample", "temporal", "temporal", 300, "abcdef0123456789", [1, 2], synthetic=True)


def scores(ndcg):
    return {"ndcg@20": ndcg, "hr@20": 2 * ndcg, "ndcg@10": ndcg / 2, "hr@10": ndcg}


@pytest.fixture
def published():
    frame = pd.DataFrame(
        {"model": ["A", "B", "C"], "ndcg@20": [0.05, 0.04, 0.03], "hr@20": [0.1, np.nan, 0.06]}
    )
    return frame.set_index("model").assign(note=["", "", "odd protocol"])


def test_rows_are_sorted_by_ndcg_at_the_largest_cutoff_then_by_name():
    results = [
        RunResult("zeta", [scores(0.02)]),
        RunResult("best", [scores(0.03)]),
        RunResult("alpha", [scores(0.02)]),
    ]
    frame = build_leaderboard(results, LABEL)
    assert frame["model"].tolist() == ["best", "alpha", "zeta"]
    assert frame["rank"].tolist() == [1, 2, 3]
    assert metrics_in(frame) == ["ndcg@10", "hr@10", "ndcg@20", "hr@20"]


def test_mean_and_sample_deviation_over_seeds():
    frame = build_leaderboard([RunResult("a", [scores(0.02), scores(0.04)])], LABEL)
    assert frame["ndcg@20"][0] == pytest.approx(0.03)
    assert frame["ndcg@20_sd"][0] == pytest.approx(np.std([0.02, 0.04], ddof=1))


def test_best_seed_is_the_one_with_the_best_ndcg_in_every_metric():
    seeds = [scores(0.02), scores(0.04) | {"hr@20": 0.03}, scores(0.03)]
    frame = build_leaderboard([RunResult("a", seeds)], LABEL)
    assert frame[["ndcg@20_best_seed", "hr@20_best_seed"]].iloc[0].tolist() == [0.04, 0.03]


def test_one_seed_has_no_deviation_and_is_not_the_best_of_several():
    frame = build_leaderboard([RunResult("a", [scores(0.02)])], LABEL)
    assert not {"ndcg@20_sd", "ndcg@20_best_seed"} & set(frame)


def test_difference_is_relative_and_takes_the_mean_over_ties_where_there_is_one(published):
    ties = TieShuffles([scores(0.05), scores(0.06)], refitted=False)
    results = [
        RunResult("a", [scores(0.07)], ties=ties, published_row="A"),
        RunResult("b", [scores(0.03)], published_row="B"),
    ]
    frame = build_leaderboard(results, LABEL, published=published).set_index("model")
    assert frame.loc["a", "ndcg@20_difference"] == pytest.approx(0.1)
    assert frame.loc["b", "ndcg@20_difference"] == pytest.approx(-0.25)
    assert np.isnan(frame.loc["b", "hr@20_difference"])
    assert frame.loc["a", ["ndcg@20_ties_min", "ndcg@20_ties_max"]].tolist() == [0.05, 0.06]
    assert frame.loc["a", "note"] == "ties: 2 shuffles, test order only"


def test_rows_that_could_not_run_and_published_rows_come_last(published):
    not_run = [NotRun("Paid", "no key\nin the environment", "C")]
    frame = build_leaderboard([RunResult("a", [scores(0.01)])], LABEL, not_run, published)
    assert frame["model"].tolist() == ["a", "Paid", "A", "B"]
    assert frame["note"].tolist() == [
        "",
        "not run: no key in the environment; odd protocol",
        "not in this configuration",
        "not in this configuration",
    ]
    assert frame["rank"].isna().tolist() == [False, True, True, True]
    assert frame["ndcg@20_published"][1:].tolist() == [0.03, 0.05, 0.04]


def test_unknown_published_row_is_named(published):
    with pytest.raises(InputError, match="no row 'Z'; it has A, B, C"):
        build_leaderboard([RunResult("a", [scores(1)], published_row="Z")], LABEL, (), published)


def test_a_leaderboard_in_which_nothing_ran(published):
    frame = build_leaderboard([], LABEL, [NotRun("Paid", "no key")], published)
    assert frame["model"].tolist() == ["Paid", "A", "B", "C"]
    assert "not run: no key" in format_leaderboard(frame)
    assert len(build_leaderboard([], LABEL, [NotRun("Paid", "no key")])) == 1


def test_a_leaderboard_in_which_nothing_ran_and_nothing_was_published(tmp_path):
    frame = build_leaderboard([], LABEL, [NotRun("A", "no key")])
    write_tables(frame, leaderboard_layout(frame, LABEL), tmp_path / "board")
    assert "not run: no key" in (tmp_path / "board.md").read_text()
    assert "A: not run: no key" in format_leaderboard(frame)


def test_label_says_what_was_measured():
    assert str(LABEL) == (
        "Sample (synthetic data), temporal split: 300 test sessions, full ranking, seeds 1, 2, "
        "data abcdef012345"
    )
    frame = build_leaderboard([RunResult("a", [scores(0.01)])], LABEL)
    assert frame["dataset"][0] == "Sample (synthetic data)"


def test_csv_file_reads_back_bit_by_bit(tmp_path, published):
    rng = np.random.default_rng(0)
    results = [RunResult(f"m{n}", [scores(rng.random())], published_row="A") for n in range(20)]
    frame = build_leaderboard(results, LABEL, [NotRun("NA", "no key")], published)
    write_tables(frame, leaderboard_layout(frame, LABEL), tmp_path / "board.sample.temporal")
    again = read_leaderboard(tmp_path / "board.sample.temporal.csv")
    pd.testing.assert_frame_equal(again, frame, check_exact=True, check_dtype=False)


def test_published_tables_of_the_project():
    table = read_published(TABLES / "table4_beauty.csv")
    assert table.loc["LLMSeqSim", "ndcg@20"] == 0.049
    assert "easier protocol" in table.loc["S3-Rec", "note"]
    assert table.loc["SASRec", "note"] == ""
    with pytest.raises(InputError, match="no such published table"):
        read_published(TABLES / "absent.csv")


def test_terminal_table_fits_and_explains(published):
    results = [
        RunResult(f"A model with a rather long name, number {n}", [scores(0.01 * n)])
        for n in range(1, 13)
    ]
    results[3] = RunResult("noted", [scores(0.2)], {"ndcg@20": (0.15, 0.25)}, note="a remark")
    text = format_leaderboard(
        build_leaderboard(results, LABEL, [NotRun("Paid", "no key " * 30)], published), str(LABEL)
    )
    assert max(map(len, text.splitlines())) <= 100
    assert "synthetic data" in text
    assert "0.2000 [0.1500, 0.2500]" in text
    assert "(1) a remark" in text
    assert "Paid: not run: no key" in text
    assert "3 published models are not in this configuration." in text
