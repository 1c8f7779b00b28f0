"""The quickstart end to end: what it writes, that it survives SIGKILL, that it repeats itself."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from llmseqrec.contracts import read_json
from tests.workflow.copies import command, contents, copy_project, environment, planned, run

QUICKSTART = ("--configfile", "config/quickstart.yaml")
BOARD = "tables/leaderboard.sample.temporal"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which the quickstart ran undisturbed."""
    folder = copy_project(tmp_path_factory.mktemp("undisturbed") / "project")
    done = run(folder, *QUICKSTART)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.fixture(scope="module")
def board(finished: Path) -> pd.DataFrame:
    return pd.read_csv(finished / "results" / f"{BOARD}.csv").set_index("model")


def test_leaderboard_orders_models_as_the_sample_was_made(board: pd.DataFrame) -> None:
    ndcg = board["ndcg@20"]
    assert ndcg["MostPopular"] < ndcg["SKNN"] < ndcg["V-SKNN"]
    assert ndcg["MostPopular"] < ndcg["LLMSeqSim"] < ndcg["LLMSeqSim (whitened 128)"]


def test_leaderboard_has_spread_interval_and_ties(board: pd.DataFrame) -> None:
    row = board.loc["V-SKNN"]
    assert row["ndcg@20_ci_low"] < row["ndcg@20"] < row["ndcg@20_ci_high"]
    assert row["ndcg@20_ties_min"] <= row["ndcg@20_ties_mean"] <= row["ndcg@20_ties_max"]
    assert "20 shuffles" in row["note"]


def test_every_table_and_figure_is_labelled_synthetic(finished: Path) -> None:
    for suffix in ("md", "html", "tex", "txt", "csv"):
        assert "synthetic" in (finished / "results" / f"{BOARD}.{suffix}").read_text()
    assert "synthetic" in (finished / "results" / "tables" / "datasets.md").read_text()


def test_figures_are_written_as_pdf_and_png_beside_their_data(finished: Path) -> None:
    names = ("accuracy", "popularity", "lengths", "distributions", "tradeoff")
    for name in (*names, "training", "affinity", "positions", "reductions", "costs"):
        stem = finished / "results" / "figures" / f"{name}.sample.temporal"
        assert stem.with_name(f"{stem.name}.png").read_bytes().startswith(b"\x89PNG")
        assert stem.with_name(f"{stem.name}.pdf").read_bytes().startswith(b"%PDF")
        assert len(pd.read_csv(stem.with_name(f"{stem.name}.csv")))


def test_costs_of_every_row_were_measured(finished: Path, board: pd.DataFrame) -> None:
    costs = pd.read_csv(finished / "results" / "tables" / "costs.csv").set_index("name")
    assert (costs.loc[board.index, "seconds"] > 0).all()
    assert costs.loc["V-SKNN", "shared_jobs"] > 0  # the blend is made of it
    assert costs.loc["train_model", "jobs"] > len(board)


def test_report_holds_tables_figures_and_sessions(finished: Path, board: pd.DataFrame) -> None:
    report = finished / "results" / "report"
    page = (report / "index.html").read_text()
    assert all(name in page for name in board.index)
    assert "ranks first of" in page
    for name in re.findall(r'(?:href|src)="([^"#][^"]*)"', page):
        assert (report / name).is_file(), name
    sessions = (report / "sessions" / "sample.temporal.js").read_text()
    assert "V-SKNN" in sessions


def test_nothing_is_left_to_do(finished: Path) -> None:
    again = run(finished, *QUICKSTART, "--dry-run")
    assert "Nothing to be done" in again.stdout + again.stderr


def test_an_edit_of_a_model_reruns_its_runs_and_those_made_of_them(finished: Path) -> None:
    jobs = planned_after(finished, "EDITED = True\n", "models/sknn.py")
    neighbours = {"sknn", "s_sknn", "sf_sknn", "v_sknn"}
    for rule in ("recommend", "evaluate", "tie_sensitivity"):
        assert {run for name, run in jobs if name == rule} == neighbours | {"blend"}
    assert {run for name, run in jobs if name == "choose_combination"} == {"blend"}
    rules = {name for name, _ in jobs}
    assert {"build_leaderboard", "plot_experiment", "build_report"} <= rules
    assert not rules & {"prepare_sessions", "split_sessions", "embed_items", "train_neural_model"}


def test_a_comment_reruns_nothing(finished: Path) -> None:
    files = ("models/sknn.py", "contracts.py", "nn/trainer.py")
    assert planned_after(finished, "# Said otherwise.\n", *files) == set()


def planned_after(folder: Path, line: str, *files: str) -> set[tuple[str, str]]:
    """Jobs that another line at the end of modules would bring; the modules are put back."""
    paths = [folder / "src" / "llmseqrec" / file for file in files]
    texts = [path.read_text() for path in paths]
    try:
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text + line)
        return planned(folder, *QUICKSTART)
    finally:
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text)


def test_another_number_of_threads_changes_neural_runs_alone_and_less_than_a_seed(
    finished: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(finished, tmp_path / "project")
    free = ("v_sknn", "llm_seq_sim", "llm_seq_sim_whitened", "cooccurrence")
    seeds = [f"results/sample/temporal/full/{run}/seed1" for run in (*free, "sasrec")]
    wanted = [f"{seed}/metrics.test.json" for seed in seeds]
    fitting = ("embed_items", "train_model", "train_neural_model")  # two, one and one thread before
    threads = ("embed_items=1", "train_model=2", "train_neural_model=2", "recommend=2")
    changed = ("--set-threads", *threads, "--forcerun", *fitting)
    done = run(folder, *wanted, *QUICKSTART, *changed)
    assert done.returncode == 0, done.stderr[-2000:]
    assert [rule for rule in fitting if f"rule {rule}:" not in done.stderr] == []
    before, after = contents(finished), contents(folder)
    differing = {name for name in before if before[name] != after[name]}
    assert {name for name in differing if "/full/sasrec/" not in name} == set()
    moved = abs(ndcg(folder, "sasrec", 1) - ndcg(finished, "sasrec", 1))
    assert moved <= abs(ndcg(finished, "sasrec", 2) - ndcg(finished, "sasrec", 1))


def ndcg(folder: Path, run: str, seed: int) -> float:
    facts = folder / "results" / "sample" / "temporal" / "full" / run / f"seed{seed}"
    return float(read_json(facts / "metrics.test.json")["metrics"]["ndcg@20"])


def test_redraws_tables_and_figures_without_training(finished: Path) -> None:
    before = contents(finished)
    for path in [*(finished / "results" / "tables").iterdir()]:
        path.unlink()
    done = run(finished, "tables", "figures", *QUICKSTART)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "train_model" not in done.stderr
    assert contents(finished) == before


def test_each_look_at_the_test_set_is_in_the_ledger(finished: Path, board: pd.DataFrame) -> None:
    ledger = pd.read_csv(finished / "results" / "sample" / "temporal" / "test_ledger.csv")
    looks = ledger[ledger["looks"] == 1].groupby("run")["seed"].agg(list)
    assert (ledger["looks"] == 20).sum() == len(looks)  # one study of ties a run
    assert len(looks) == (board["status"] == "ran").sum()
    assert sorted(looks["v_sknn"]) == [1, 2]  # draws random samples
    assert looks["sknn"] == [1]


def test_killed_and_resumed_equals_undisturbed(finished: Path, tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")
    killed = subprocess.Popen(
        command(*QUICKSTART),
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert killed.stderr is not None
    for line in killed.stderr:
        if "Finished" in line and "train_model" in line:
            break
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    killed.stderr.close()
    assert not (folder / "results" / f"{BOARD}.csv").exists()

    resumed = run(folder, *QUICKSTART)
    assert resumed.returncode == 0, resumed.stderr[-4000:]
    assert "generate_sample" not in resumed.stderr  # finished jobs are not repeated
    expected, found = contents(finished), contents(folder)
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []
