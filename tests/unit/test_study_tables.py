"""The study's tables: every published row, ours beside it, reasons where there is none."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from llmseqrec.config import read_config
from llmseqrec.contracts import write_json, write_text
from llmseqrec.plan import Plan
from llmseqrec.reporting.leaderboard import (
    Label,
    NotRun,
    RunResult,
    build_leaderboard,
    read_published,
)
from llmseqrec.reporting.study_tables import ABSENT, prompt_table, trials_table
from llmseqrec.reporting.tables import to_latex, to_markdown, write_tables
from llmseqrec.study import study_table
from llmseqrec.whole_yaml import write_yaml
from tests.conftest import ROOT

PUBLISHED = ROOT / "config" / "published" / "tables"
METRICS = [f"{name}@{k}" for k in (10, 20) for name in ("ndcg", "hr", "mrr", "catcov")]
LABEL = Label("Amazon Beauty", "published", "temporal", 4469, "abcdef0123456789", [1, 2])


def result(display: str, ndcg: tuple[float, ...], row: str | None) -> RunResult:
    seeds = [dict.fromkeys(METRICS, 0.5) | {"ndcg@20": value} for value in ndcg]
    return RunResult(display, seeds, published_row=row)


@pytest.fixture
def board(tmp_path: Path) -> Path:
    published = read_published(PUBLISHED / "table4_beauty.csv")
    results = [
        result("SASRec", (0.044, 0.048), "SASRec"),
        result("SASRec (published settings)", (0.033,), "SASRec"),
        result("V-SKNN", (0.0645,), "V_SKNN"),
        result("Blend", (0.08,), None),
    ]
    missing = [NotRun("GenItem (GPT-3.5)", "gpt was retired", "LLMSeqPromptGenItem")]
    frame = build_leaderboard(results, LABEL, missing, published)
    path = tmp_path / "leaderboard.csv"
    write_text(frame.to_csv(index=False), path)
    return path


def accuracy(board: Path) -> tuple[pd.DataFrame, Any]:
    statistics = board.with_name("statistics.json")
    write_json({"test_sessions": 4469, "data_hash": "abcdef0123456789"}, statistics)
    task = {
        "number": "4",
        "dataset": {"display": "Amazon Beauty", "synthetic": False, "protocol": "temporal"},
        "split": "published",
        "statistics": str(statistics),
        "leaderboard": str(board),
        "published": str(PUBLISHED / "table4_beauty.csv"),
        "rows": {
            "SASRec": "SASRec",
            "SASRec (published settings)": "SASRec",
            "V-SKNN": "V_SKNN",
            "GenItem (GPT-3.5)": "LLMSeqPromptGenItem",
        },
        "seeds": [1, 2],
    }
    return study_table("accuracy", task)


def test_every_published_row_stands_in_the_table_in_its_order(board: Path) -> None:
    frame, _ = accuracy(board)
    models = pd.read_csv(PUBLISHED / "table4_beauty.csv")["model"].tolist()
    assert list(dict.fromkeys(frame["model"])) == models
    assert frame["model"].value_counts()["SASRec"] == 2  # two runs stand for it
    assert "Blend" not in set(frame["run"])


def test_ours_stands_beside_the_published_value_and_the_difference(board: Path) -> None:
    frame, _ = accuracy(board)
    row = frame.set_index("run").loc["SASRec"]
    assert row["ndcg@20"] == pytest.approx(0.046)
    assert row["ndcg@20_sd"] == pytest.approx(np.std([0.044, 0.048], ddof=1))
    assert row["ndcg@20_published"] == 0.033
    assert row["ndcg@20_difference"] == pytest.approx(0.046 / 0.033 - 1)
    assert np.isnan(row["seren@20"])  # what was not measured is empty
    assert row["seren@20_published"] == 0.078


def test_rows_that_were_not_run_say_why(board: Path) -> None:
    notes = accuracy(board)[0].set_index("model")["note"]
    assert notes["LLMSeqPromptGenItem"] == "not run: gpt was retired"
    assert notes["S3-Rec"].startswith("not run: not part of this version; published under another")
    assert notes["LLM2SASRec"] == ABSENT
    assert notes["TALLRec"] == f"{ABSENT}; mrr@20 is printed with two decimals"


def test_best_is_bold_and_runner_up_underlined(board: Path) -> None:
    frame, layout = accuracy(board)
    markdown, latex = to_markdown(frame, layout), to_latex(frame, layout)
    line = next(line for line in markdown.splitlines() if "| V-SKNN |" in line)
    assert "**0.0645**" in line
    assert "<u>0.0460</u> ± 0.0028" in markdown
    assert r"\textbf{0.0645}" in latex
    assert "**0.054**" in markdown  # the study's best, LLM2SASRec


def test_latex_keeps_a_value_its_published_one_and_the_difference_in_one_panel(board: Path) -> None:
    latex = to_latex(*accuracy(board))
    headers = [line for line in latex.splitlines() if line.startswith("Model & Run here & ")]
    assert len(set(headers)) == 4  # repeated on each page
    for header in headers:
        numbers = header.removesuffix(r" \\").split(" & ")[2:]
        assert len(numbers) % 3 == 0
        for ours, theirs, difference in zip(
            numbers[::3], numbers[1::3], numbers[2::3], strict=True
        ):
            assert (theirs, difference) == (f"{ours} study", f"{ours} diff.")


def test_csv_is_not_rounded(board: Path, tmp_path: Path) -> None:
    frame, layout = accuracy(board)
    write_tables(frame, layout, tmp_path / "study_table4")
    again = pd.read_csv(tmp_path / "study_table4.csv")
    pd.testing.assert_series_equal(again["ndcg@20_difference"], frame["ndcg@20_difference"])


def test_datasets_are_counted_or_say_why_not(tmp_path: Path) -> None:
    counts = {"sessions": 22363, "items": 12101, "interactions": 198502, "classes": 254}
    write_json(counts, tmp_path / "statistics.json")
    task = {
        "counts": {"Beauty": {"statistics": str(tmp_path / "statistics.json"), "p_core": 5}},
        "missing": {"Delivery Hero": "private data: set raw_dir"},
        "published": str(PUBLISHED / "table2_datasets.csv"),
    }
    frame = study_table("datasets", task)[0].set_index("dataset")
    beauty = frame.loc["Beauty"]
    assert (beauty["sessions"], beauty["sessions_difference"]) == (22363, 0)
    assert beauty["mean_length"] == pytest.approx(8.876358)
    assert beauty["classes_difference"] == pytest.approx(254 / 220 - 1)
    assert frame.loc["Delivery Hero", "note"] == "not run: private data: set raw_dir"
    assert frame.loc["Steam", "note"] == "not run: not in this configuration"
    assert frame.loc["Steam", "sessions_published"] == 279290


def test_a_dataset_without_core_and_classes_has_gaps_there(tmp_path: Path) -> None:
    counts = {"sessions": 22363, "items": 12101, "interactions": 198502, "classes": None}
    write_json(counts, tmp_path / "statistics.json")
    task = {
        "counts": {"Beauty": {"statistics": str(tmp_path / "statistics.json"), "p_core": None}},
        "missing": {},
        "published": str(PUBLISHED / "table2_datasets.csv"),
    }
    frame, layout = study_table("datasets", task)
    beauty = frame.set_index("dataset").loc["Beauty"]
    assert beauty[["p_core", "classes", "classes_difference"]].isna().all()
    assert (beauty["p_core_published"], beauty["sessions"]) == (5, 22363)
    assert next(row for row in to_markdown(frame, layout).splitlines() if "| Beauty |" in row)


def test_trials_of_all_searches_of_a_model_count_together(tmp_path: Path) -> None:
    path = tmp_path / "best.yaml"
    write_yaml({"trials": {"complete": 90, "pruned": 10}}, path)
    found = {"model": "SASRec", "dataset": "Beauty", "best": str(path)}
    task = {"searches": [found, found], "published": str(PUBLISHED / "table3_trials.csv")}
    frame = study_table("trials", task)[0].set_index("model")
    assert frame.loc["SASRec", ["Beauty", "Beauty_published"]].tolist() == [200, 413]
    assert frame.loc["SASRec", "note"] == ""
    assert frame.loc["GRU4Rec", "note"] == "not run: no search of it in this configuration"
    assert trials_table({}, pd.read_csv(PUBLISHED / "table3_trials.csv")).shape[0] == 15


def test_language_models_stand_beside_their_row_of_table_7() -> None:
    published = pd.read_csv(PUBLISHED / "table7_finetuned.csv")
    board = pd.DataFrame(
        {
            "model": ["GenItem", "GenItem (base)"],
            "status": ["ran", "not run"],
            "ndcg@20": [0.04, np.nan],
            "ndcg@20_sd": [0.001, np.nan],
            "note": ["", "not run: no key"],
        }
    )
    answers = pd.DataFrame(
        {
            "model": ["GenItem"],
            "unique_recommendations": [20000],
            "hallucinations": [0.36],
            "similarity": [0.9],
        }
    )
    task = "LLMSeqPromptGenItem"
    rows = {
        "Beauty": {
            "GenItem": (task, "GPT", "fine-tuned"),
            "GenItem (base)": (task, "GPT", "base"),
        }
    }
    frame = prompt_table({"Beauty": board}, {"Beauty": answers}, rows, published)
    assert len(frame) == 16
    ours = frame[frame["run"] == "GenItem"].iloc[0]
    assert ours["hallucination_percent"] == 36
    assert ours["hallucination_percent_published"] == 36.11
    assert ours["ndcg@20_difference"] == pytest.approx(0.04 / 0.038 - 1)
    assert frame[frame["run"] == "GenItem (base)"]["note"].tolist() == ["not run: no key"]
    assert (frame[frame["dataset"] == "Steam"]["note"] == ABSENT).all()


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The plan of the full reproduction."""
    return Plan(read_config(ROOT / "config" / "config.yaml"), ROOT)


@pytest.mark.parametrize(
    ("number", "pair"),
    [
        ("4", ("beauty", "published")),
        ("5", ("delivery_hero", "temporal")),
        ("6", ("steam", "temporal")),
    ],
)
def test_the_full_reproduction_has_a_run_for_every_row(
    plan: Plan, number: str, pair: tuple[str, str]
) -> None:
    assert plan.study.boards[number] == pair
    table = plan.published_table_of(*pair)
    assert table is not None
    taken = set(plan.study.task(SimpleNamespace(number=number))["rows"].values())
    assert set(pd.read_csv(table)["model"]) - taken <= {"S3-Rec"}


def test_the_full_reproduction_has_a_run_for_every_language_model_of_table_7(plan: Plan) -> None:
    rows = plan.study.task(SimpleNamespace(number="7"))["datasets"]
    published = pd.read_csv(PUBLISHED / "table7_finetuned.csv")
    for found in published[["dataset", "task", "llm", "variant"]].itertuples(index=False):
        assert tuple(found[1:]) in rows[found[0]]["rows"].values()


def test_retired_models_are_told_as_such(plan: Plan) -> None:
    reason = plan.not_run["beauty", "published", "gen_item_palm"]
    assert reason.startswith("text-bison@001 was retired on 2024-10-09")
    assert plan.not_run["delivery_hero", "temporal", "gen_item_ada"] == "private data: set raw_dir"


def test_only_the_tables_of_chosen_datasets_are_made() -> None:
    config = read_config(ROOT / "config" / "config.yaml")
    chosen = Plan(config.model_copy(update={"only": ["beauty", "movielens"]}), ROOT)
    assert chosen.study.numbers == ["2", "3", "4", "7"]
    assert chosen.study.task(SimpleNamespace(number="2"))["missing"] == {}


def test_a_configuration_without_the_study_s_datasets_has_none_of_its_tables() -> None:
    plan = Plan(read_config(ROOT / "config" / "quickstart.yaml"), ROOT)
    assert plan.study.tables == []
