"""Slices of the test sessions: who belongs to which bin, and what a bin's numbers are."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llmseqrec.contracts import SLICES, read_table, write_table
from llmseqrec.evaluation.slices import BINS, PROMPT, TARGET
from llmseqrec.reporting.leaderboard import Label
from llmseqrec.reporting.slices import NOBODY, slices_layout, slices_table
from llmseqrec.reporting.tables import to_markdown, write_tables
from llmseqrec.sessions import Prompts, Sessions
from llmseqrec.slices import slice_metrics

LABEL = Label("Sample", "temporal", "temporal", 6, "abcdef", [1, 2])
# Item 0 never occurs in training, 1 once, 2 five times, 3 six times, 4 eleven times.
OCCURRENCES = [0, 1, 5, 6, 11]
TARGETS = [0, 1, 2, 3, 4, 4]
LENGTHS = [1, 3, 4, 5, 11, 11]


def write_sessions(folder: Path) -> None:
    items = np.repeat(np.arange(5), OCCURRENCES).astype(np.int32)
    Sessions(np.array([0, len(items)]), items, np.array([99])).save(folder / "train")
    offsets = np.concatenate([[0], np.cumsum(LENGTHS)])
    asked = Sessions(offsets, np.ones(offsets[-1], np.int32), np.arange(6, dtype=np.int32))
    Prompts(asked, np.array(TARGETS, np.int32)).save(folder / "test")


def write_seed(folder: Path, hits: list[float], ids: range = range(6)) -> str:
    folder.mkdir(parents=True)
    table = pd.DataFrame({"session_id": ids, "hr@20": hits, "ndcg@20": hits, "novel@20": hits})
    table.to_parquet(folder / "per_session.test.parquet")
    return str(folder)


@pytest.fixture
def slices(tmp_path: Path) -> pd.DataFrame:
    write_sessions(tmp_path)
    runs = {
        "two": [
            write_seed(tmp_path / "two1", [0, 1, 0, 0, 1, 0]),
            write_seed(tmp_path / "two2", [0, 1, 0, 1, 1, 0]),
        ],
        "dropped": [write_seed(tmp_path / "dropped", [1, 1, 1, 1, 1], range(5))],
    }
    return slice_metrics(runs, tmp_path / "test", tmp_path / "train")


def of(slices: pd.DataFrame, run: str, name: str) -> pd.DataFrame:
    chosen = (slices["run"] == run) & (slices["slice"] == name) & (slices["metric"] == "hr@20")
    return slices[chosen].set_index("bin")


def test_bins_of_a_slice_leave_no_count_out() -> None:
    counts = np.arange(200)
    for name, separate in ((TARGET, 4), (PROMPT, 6)):
        bins = [found for found in BINS if found.slice == name]
        assert (sum(found.holds(counts) for found in bins[:separate]) == 1).all()
    assert [found.name for found in BINS if found.slice == TARGET] == [
        *("0", "1–5", "6–10", "> 10", "≤ 5", "≤ 10")
    ]
    assert BINS[6].name == "≤ 3"  # cold users


def test_sessions_are_binned_by_target_and_prompt_and_averaged_over_seeds(
    slices: pd.DataFrame,
) -> None:
    targets = of(slices, "two", TARGET)
    assert targets["sessions"].tolist() == [1, 2, 1, 2, 3, 4]
    assert targets["value"].tolist() == [0, 0.5, 0.5, 0.5, 1 / 3, 1.5 / 4]
    prompts = of(slices, "two", PROMPT)
    assert prompts["sessions"].tolist() == [2, 2, 0, 2, 0, 0]
    assert prompts["value"].iloc[:2].tolist() == [0.5, 0.25]
    assert np.isnan(prompts["value"].iloc[2])
    assert set(slices["metric"]) == {"hr@20", "ndcg@20"}  # accuracy, by its contract


def test_sessions_that_a_run_drops_do_not_count_for_it(slices: pd.DataFrame) -> None:
    frequent = of(slices, "dropped", TARGET).loc["> 10"]
    assert (frequent["sessions"], frequent["value"]) == (1, 1.0)


def test_the_file_keeps_its_contract_and_the_table_says_which_bins_are_empty(
    slices: pd.DataFrame, tmp_path: Path
) -> None:
    write_table(slices, tmp_path / "slices.parquet", SLICES)
    read = read_table(tmp_path / "slices.parquet", SLICES)
    table = slices_table(read, {"two": "Two", "dropped": "Dropped"})
    empty = table[table["model"] == NOBODY]
    assert empty["bin"].tolist() == ["6–10", "21–50", "> 50"]
    assert empty["hr@20"].isna().all()
    assert len(table) == 2 * (len(BINS) - 3) + 3
    assert table["model"].tolist()[:2] == ["Two", "Dropped"]
    assert "no such sessions | 0 |  |" in to_markdown(table, slices_layout(table, LABEL))
    assert len(write_tables(table, slices_layout(table, LABEL), tmp_path / "table")) == 4


def test_intervals_hold_the_mean_and_are_there_where_sessions_are(slices: pd.DataFrame) -> None:
    some = slices[slices["sessions"] > 0]
    assert (some["ci_low"] <= some["value"] + 1e-12).all()
    assert (some["ci_high"] >= some["value"] - 1e-12).all()
    wide = of(slices, "two", TARGET).loc["≤ 10"]
    assert wide["ci_low"] < wide["value"] < wide["ci_high"]
    assert slices.loc[slices["sessions"] == 0, ["value", "ci_low", "ci_high"]].isna().all(axis=None)
