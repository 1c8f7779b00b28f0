"""The frame around a job: its log, its one line, its exit code."""

import logging
import warnings
from pathlib import Path

import pytest

from llmseqrec.errors import InputError
from llmseqrec.jobs import job

pytestmark = pytest.mark.usefixtures("own_logging")


def test_log_lines_and_warnings_go_to_the_file(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with job(str(log)):
        logging.getLogger("llmseqrec.data").info("read %d lines", 3)
        warnings.warn("old file", stacklevel=1)
    text = log.read_text()
    assert "INFO llmseqrec.data: read 3 lines" in text
    assert "old file" in text


def test_a_problem_of_the_user_ends_in_its_one_line(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with pytest.raises(SystemExit) as caught, job(str(log)):
        raise InputError("rows.csv:3: no item id")
    assert caught.value.code == "error: rows.csv:3: no item id"  # printed, with exit status 1
    assert "rows.csv:3: no item id" in log.read_text()
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("first\nsecond"), "error: ValueError: first (traceback in "),
        (KeyError(), "error: KeyError: no message (traceback in "),
    ],
)
def test_an_unexpected_error_leaves_its_traceback_in_the_log(
    error: Exception, line: str, tmp_path: Path
) -> None:
    log = tmp_path / "x.log"
    with pytest.raises(SystemExit) as caught, job(str(log)):
        raise error
    assert str(caught.value.code) == f"{line}{log})"
    assert "Traceback" in log.read_text()


def test_a_new_job_starts_a_new_log(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("of the last time\n")
    with job(str(log)):
        pass
    assert log.read_text() == ""


@pytest.mark.parametrize("gpus", ["0,1", None])
def test_a_job_of_a_cluster_logs_where_it_runs(
    gpus: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("SLURMD_NODENAME", "node4")
    if gpus is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
    log = tmp_path / "x.log"
    with job(str(log)):
        pass
    found = log.read_text().strip()
    assert found.endswith(f"SLURM job 17 on node4, CUDA_VISIBLE_DEVICES: {gpus or 'none'}")
