"""Figures of what was chosen: how vectors are reduced, and what a model may cost."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llmseqrec.config import Reduction, read_config
from llmseqrec.config_figures import Positions
from llmseqrec.plan import Plan
from llmseqrec.plan_figures import ALWAYS, FigurePlan, described, method_name
from llmseqrec.reporting.leaderboard import Label, NotRun, RunResult, build_leaderboard
from llmseqrec.reporting.plots.costs import costs_against_accuracy, costs_figure
from llmseqrec.reporting.plots.reductions import (
    by_dimensions,
    by_reduction,
    dimensions_figure,
    reductions_figure,
)
from llmseqrec.reporting.tables import read_table_csv
from tests.conftest import ROOT, Tiny

LABEL = Label("Sample", "temporal", "temporal", 300, "abcdef", [1])
INTERVALS = {"ndcg@20": (0.01, 0.09), "hr@20": (0.02, 0.1)}


@pytest.fixture
def board() -> pd.DataFrame:
    results = [
        RunResult(name, [{"ndcg@20": value, "hr@20": 2 * value}], INTERVALS)
        for name, value in (("plain", 0.02), ("pca", 0.03), ("paid", 0.04))
    ]
    return build_leaderboard(results, LABEL, [NotRun("lda", "no classes")])


def test_runs_of_one_group_differ_in_their_reduction_alone() -> None:
    plan = Plan(read_config(ROOT / "config" / "quickstart.yaml"), ROOT)
    groups = FigurePlan(plan).reduction_groups("sample", "temporal")
    assert groups == {
        "llm_seq_sim on minilm": {
            "LLMSeqSim": "none",
            "LLMSeqSim (PCA 64)": "pca, 64 dimensions",
            "LLMSeqSim (whitened 128)": "pca whitening, 128 dimensions",
        }
    }


def test_an_experiment_has_the_figures_whose_inputs_exist(tiny: Tiny) -> None:
    assert FigurePlan(Plan(tiny.config, ROOT)).names("tiny", "temporal") == [*ALWAYS, "costs"]
    some = tiny.config.model_copy(update={"positions": Positions(depth=3, runs=["v_sknn"])})
    figures = FigurePlan(Plan(some, ROOT))
    assert "positions" in figures.names("tiny", "temporal")
    paths = figures.asked_positions("tiny", "temporal")
    assert list(paths.values()) == ["results/tiny/temporal/full/v_sknn/positions.json"]
    quickstart = FigurePlan(Plan(read_config(ROOT / "config" / "quickstart.yaml"), ROOT))
    found = set(quickstart.names("sample", "temporal"))
    assert found - {*ALWAYS, "costs"} == {"training", "affinity", "reductions", "positions"}
    assert "results/figures/affinity.sample.temporal.csv" in quickstart.files


def test_reductions_are_told_apart_by_what_they_do() -> None:
    steps = [{"method": "zca", "power": 0.5}, {"method": "lda", "dimensions": 32}]
    chain = Reduction.model_validate({"steps": steps})
    assert method_name(chain) == "zca 0.5 + lda"
    assert described(chain) == "zca 0.5 + lda, 32 dimensions"
    grouped = Reduction.model_validate({"method": "group_zca", "groups": 16})
    assert described(grouped) == "group zca, 16 groups, all dimensions"


def test_reductions_that_ran_are_drawn_best_first(board: pd.DataFrame) -> None:
    groups = {"sim on minilm": {"plain": "none", "pca": "pca", "lda": "lda"}}
    data = by_reduction(board, groups)
    assert data[["reduction", "ndcg@20"]].to_numpy().tolist() == [["pca", 0.03], ["none", 0.02]]
    (axes,) = reductions_figure(data, LABEL).axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["pca", "none"]
    assert axes.get_lines()[0].get_xdata().tolist() == [0.03, 0.02]


def test_dimensions_are_those_of_the_decay_that_is_best_on_average(tmp_path: Path) -> None:
    rows = [
        (embedding, reduction, decay, dimensions, value + (decay == "none") * 0.01)
        for embedding in ("a", "b")
        for reduction, dimensions, value in (
            ("pca8", 8, 0.1),
            ("pca4", 4, 0.05),
            ("none", 16, 0.12),
        )
        for decay in ("none", "harmonic")
    ]
    columns = ["embedding", "reduction", "decay", "dimensions", "ndcg@20"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "table.csv", index=False)
    table = read_table_csv(tmp_path / "table.csv")
    data = by_dimensions(table, {"pca8": "pca", "pca4": "pca"})
    assert set(data["decay"]) == {"none"}
    figure = dimensions_figure(data, LABEL)
    lines = {line.get_label(): line.get_xydata().tolist() for line in figure.axes[0].get_lines()}
    np.testing.assert_allclose(lines["pca"], [[4, 0.06], [8, 0.11]])
    np.testing.assert_allclose(lines["none"], [[16, 0.13]])


def test_costs_are_paired_with_accuracy_by_name(board: pd.DataFrame) -> None:
    costs = pd.DataFrame(
        [
            ("run", "plain", 2.0, np.nan, np.nan),
            ("run", "paid", 5.0, 1000, 0.02),
            ("run", "pca", np.nan, np.nan, np.nan),
            ("rule", "pca", 9.0, 9, 9.0),
        ],
        columns=["kind", "name", "cpu_seconds", "tokens", "usd"],
    )
    data = costs_against_accuracy(board, costs)
    assert data["model"].tolist() == ["paid", "pca", "plain"]
    assert data["usd"].iloc[0] == 0.02
    assert data["cpu_seconds"].isna().tolist() == [False, True, False]
    time, tokens, usd = costs_figure(data, LABEL).axes
    assert [tuple(line.get_xydata()[0]) for line in time.get_lines()] == [(5.0, 0.04), (2.0, 0.02)]
    assert [tuple(line.get_xydata()[0]) for line in usd.get_lines()] == [(0.02, 0.04)]
    assert tokens.get_xlabel() == "tokens sent and received (2 models without)"
    assert time.get_lines()[0].get_marker() == usd.get_lines()[0].get_marker()
    free = data.assign(tokens=np.nan, usd=0.0)
    assert len(costs_figure(free, LABEL).axes) == 1


def test_unmeasured_costs_say_so(board: pd.DataFrame) -> None:
    nothing = pd.DataFrame(columns=["kind", "name", "cpu_seconds", "tokens", "usd"], dtype=float)
    figure = costs_figure(costs_against_accuracy(board, nothing), LABEL)
    assert "No time was measured" in figure.texts[0].get_text()
