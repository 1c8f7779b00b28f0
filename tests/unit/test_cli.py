"""`python -m llmseqrec show`: the leaderboards, or one line that says why not."""

from pathlib import Path

import pytest
import yaml

from llmseqrec.__main__ import main
from tests.conftest import tiny_content


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
    (results / "report.html").touch()
    (results / "figures" / "accuracy.tiny.temporal.png").touch()
    assert show(config, results) == 0
    printed = capsys.readouterr()
    assert "board of tables/leaderboard.tiny.temporal.txt" in printed.out
    assert "other" not in printed.out
    assert str(results / "report.html") in printed.out
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
