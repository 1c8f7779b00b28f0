"""Training in the workflow: killed, it goes on and ends as if undisturbed; it stops in one line."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch
import yaml

from llmseqrec.nn.checkpoint import load_progress
from tests.conftest import DAY, tiny_content
from tests.workflow.copies import command, contents, copy_project, environment, run

SEED_FOLDER = "results/tiny/temporal/full/mine/seed1"
MODEL = f"{SEED_FOLDER}/model/model.safetensors"
LOG = "logs/train_model/tiny.temporal.full.mine.seed1.log"
EPOCHS = 25
LONGEST = 240  # seconds to wait for two epochs

pytestmark = pytest.mark.slow


def project(folder: Path, **parameters: float) -> Path:
    """A copy of the project with a SASRec to train on 1,500 sessions of 40 items."""
    copy_project(folder)
    raw = folder / "raw"
    raw.mkdir()
    rows = ["session_id,item_id,timestamp,title,category"]
    for session in range(1500):
        for step in range(6):
            item = (session * 7 + step * (1 + session % 3)) % 40
            rows.append(f"u{session},i{item},{(session + step) * DAY},title {item},all")
    (raw / "rows.csv").write_text("\n".join(rows) + "\n")
    content = tiny_content(raw)
    epochs = {"max_epochs": EPOCHS, "patience": EPOCHS, "dim": 32, "batch_size": 32}
    content["runs"] = {
        "mine": {"display": "Mine", "model": "sasrec", "parameters": epochs | parameters}
    }
    content["experiments"][0]["runs"] = ["mine"]
    content["device"] = "cpu"
    (folder / "mine.yaml").write_text(yaml.safe_dump(content))
    return folder


def epochs_kept(folder: Path) -> int:
    """Epochs in the checkpoint of the one training job, 0 while there is none."""
    for path in (folder / "state").glob("*/checkpoint.pt"):
        progress = load_progress(path.parent, torch.device("cpu"))
        return len(progress.history) if progress else 0
    return 0


def kill_in_training(folder: Path) -> None:
    """Start the workflow and kill it with all its processes after two epochs or more."""
    running = subprocess.Popen(
        command("--configfile", "mine.yaml", "--", MODEL),
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    give_up = time.monotonic() + LONGEST
    try:
        while epochs_kept(folder) < 2:
            assert running.poll() is None, "the workflow ended before it was killed"
            assert time.monotonic() < give_up, "no two epochs within the time"
            time.sleep(0.01)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def test_a_killed_training_resumes_and_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    whole = project(tmp_path / "whole")
    done = run(whole, "--configfile", "mine.yaml", "--", MODEL)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "resumed" not in (whole / LOG).read_text()

    killed = project(tmp_path / "killed")
    kill_in_training(killed)
    kept = epochs_kept(killed)
    assert 2 <= kept < EPOCHS
    assert not (killed / MODEL).exists()

    resumed = run(killed, "--configfile", "mine.yaml", "--", MODEL)
    assert resumed.returncode == 0, resumed.stderr[-3000:]
    log = (killed / LOG).read_text()
    assert f"resumed after epoch {kept}" in log
    assert f"epoch {kept + 1}:" in log
    assert f"epoch {kept}:" not in log
    assert (killed / MODEL).read_bytes() == (whole / MODEL).read_bytes()
    assert contents(killed) == contents(whole)
    assert (killed / SEED_FOLDER / "history.parquet").is_file()
    assert list((killed / "state").iterdir()) == []


def test_a_loss_that_is_no_number_stops_the_job_in_one_line(tmp_path: Path) -> None:
    folder = project(tmp_path / "project", learning_rate=1e30)
    done = run(folder, "--configfile", "mine.yaml", "--", MODEL)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert errors[0].startswith("error: learning_rate: the loss is not a number in epoch 1;")
    assert not (folder / SEED_FOLDER / "run.json").exists()
