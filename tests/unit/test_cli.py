"""`python -m llmseqrec`: leaderboards, lists of a saved run, or one line that says why not."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pandas as pd
import pytest
import yaml

from llmseqrec.__main__ import main
from tests.conftest import ROOT, Tiny, tiny_content
from tests.unit.trained import files_of, run_of, train


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(tiny_content(tmp_path / "raw")))
    return path


def show(config: Path, results: Path) -> int:
    return main(["show", str(config), "--results", str(results)])


def test_prints_boards_and_where_the_rest_is(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    for name in ("tables/leaderboard.tiny.temporal.txt", "tables/leaderboard.other.temporal.txt"):
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).write_text(f"board of {name}\n")
    (results / "figures").mkdir()
    (results / "report").mkdir()
    (results / "report" / "index.html").touch()
    (results / "figures" / "accuracy.tiny.temporal.png").touch()
    assert show(config, results) == 0
    printed = capsys.readouterr()
    assert "board of tables/leaderboard.tiny.temporal.txt" in printed.out
    assert "other" not in printed.out
    assert str(results / "report" / "index.html") in printed.out
    assert "accuracy.tiny.temporal.png" in printed.out
    assert printed.err == ""


def test_says_that_there_is_no_leaderboard_yet(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(config, tmp_path / "results") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert "no leaderboard yet; run snakemake first" in printed.err


@pytest.mark.parametrize("text", [None, "sedes: [1]", "runs: ["])
def test_a_wrong_configuration_is_one_line(
    text: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.yaml"
    if text is not None:
        path.write_text(text)
    assert show(path, tmp_path) == 1
    printed = capsys.readouterr().err
    assert printed.startswith(f"error: {path}: ")
    assert printed.count("\n") == 1


def test_a_command_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_an_unknown_loss_stops_before_any_job(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = {"display": "SASRec", "model": "sasrec", "parameters": {"loss": "hinge"}}
    content = tiny_content(tmp_path / "raw")
    content["runs"]["mine"] = run
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(content))
    assert show(path, tmp_path) == 1
    printed = capsys.readouterr().err
    assert printed.startswith(f"error: {path}: runs.mine: parameters.loss: ")
    assert "'cross_entropy', 'sampled_softmax', 'gbce' or 'bce'" in printed
    assert printed.count("\n") == 1


@pytest.fixture(scope="module")
def popular(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fitted run of MostPopular; read it, write elsewhere."""
    return train(run_of("most_popular"), files_of(tiny, tmp_path_factory.mktemp("popular")))


@pytest.fixture
def sessions(tmp_path: Path) -> Path:
    path = tmp_path / "sessions.csv"
    path.write_text("session_id,item_id\n007,a1\n007,lost\nx,b1\n")
    return path


def call(
    *arguments: object, stdout: int | IO[bytes] = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "llmseqrec", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def test_predict_prints_lists_and_warns_beside_them(popular: Path, sessions: Path) -> None:
    done = call("predict", popular, sessions, "-k", 2)
    assert done.returncode == 0
    lists = pd.read_csv(io.StringIO(done.stdout), dtype={"session_id": str})
    assert lists["session_id"].tolist() == ["007", "007", "x", "x"]
    assert lists["rank"].tolist() == [1, 2, 1, 2]
    assert lists["title"].iloc[0] == "title of hub"
    assert done.stderr == (
        f"warning: {sessions}: rows with an item that the run does not know, left out: 1"
        " (1 items, such as 'lost')\n"
    )


def test_predict_writes_a_file(
    popular: Path, sessions: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "lists.csv"
    assert main(["predict", str(popular), str(sessions), "--output", str(target)]) == 0
    assert capfd.readouterr().out == ""
    assert len(pd.read_csv(target)) == 2 * 11  # all items there are


def test_predict_ends_in_one_line(popular: Path, sessions: Path) -> None:
    done = call("predict", popular.parent, sessions)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {popular.parent / 'run.json'}: no such file; name the")
    assert done.stderr.count("\n") == 1


def test_a_reader_may_leave_early(popular: Path, sessions: Path) -> None:
    rows = "".join(f"s{number},a1\n" for number in range(20_000))
    sessions.write_text("session_id,item_id\n" + rows)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = call("predict", popular, sessions, stdout=pipe)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_one_line(popular: Path, sessions: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = call("predict", popular, sessions, stdout=full)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr
