"""Fine-tuning and asking a service through the workflow: upload, job, poll, answers, evaluation."""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from llmseqrec.contracts import read_json
from tests.conftest import tiny_content, tiny_rows
from tests.doubles.openai_models import BASE, RETIRED, OpenAIModelsDouble, OpenAIModelsHandler
from tests.doubles.server import Handler, serving
from tests.workflow.copies import command, copy_project, environment, run

CASES = {"cases": {"validation": 2}, "k": 5, "samples": 5}
ASKED = {"model": "gen_item", "language_model": "gpt", "embedding": "minilm"}
RUNS = {
    "cool": {
        "display": "GenItem (0)",
        **ASKED,
        "parameters": CASES | {"sampling": {"temperature": 0, "max_tokens": 20}},
    },
    "warm": {
        "display": "GenItem (1)",
        **ASKED,
        "parameters": CASES | {"sampling": {"temperature": 1, "max_tokens": 20}},
    },
    "base": {
        "display": "GenItem (base)",
        **ASKED,
        "finetune": False,
        "parameters": CASES | {"sampling": {"max_tokens": 20}},
    },
    "old": {"display": "GenItem (old)", **ASKED, "language_model": "old", "parameters": CASES},
}
ALONE = {"most_popular": {"display": "M", "model": "most_popular"}, "cool": RUNS["cool"]}
EXPERIMENT = {"dataset": "tiny", "split": "temporal", "runs": list(ALONE)}
METRICS = "results/tiny/temporal/full/cool/seed1/metrics.test.json"
OWN = ("--configfile", "config/own.yaml")


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIModelsDouble]:
    monkeypatch.setenv("OPENAI_API_KEY", OpenAIModelsDouble.key)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with serving(OpenAIModelsHandler, OpenAIModelsDouble()) as made:
        yield made


def project(root: Path, url: str, **changes: Any) -> Path:
    """A copy of the project with a service's language models in its configuration."""
    folder = copy_project(root / "project")
    (root / "raw").mkdir()
    (root / "raw" / "rows.csv").write_text("\n".join(tiny_rows()) + "\n")
    content = tiny_content(root / "raw")
    content["datasets"]["tiny"]["allow_upload"] = ["openai"]
    model = {"provider": "openai", "model": BASE, "base_url": f"{url}/v1"}
    content |= {
        "embeddings": {"minilm": {}},
        "language_models": {"gpt": model, "old": model | {"model": RETIRED}},
        "max_usd": 1.0,
        "services": {"job_poll": 0.05, "batch_poll": 0.05},
    }
    content["runs"] |= RUNS
    content["experiments"][0]["runs"] = ["most_popular", *RUNS]
    (folder / "config" / "own.yaml").write_text(yaml.safe_dump(content | changes))
    return folder


def seed(folder: Path, name: str) -> Path:
    return folder / "results" / "tiny" / "temporal" / "full" / name / "seed1"


def test_upload_job_poll_answers_lists_and_tables(
    double: OpenAIModelsDouble, tmp_path: Path
) -> None:
    folder = project(tmp_path, double.url)
    done = run(folder, "tables", *OWN)
    assert done.returncode == 0, done.stderr[-3000:]
    board = pd.read_csv(folder / "results/tables/leaderboard.tiny.temporal.csv").set_index("model")
    assert board["status"].to_dict() == {
        "MostPopular": "ran",
        "GenItem (0)": "ran",
        "GenItem (1)": "ran",
        "GenItem (base)": "ran",
        "GenItem (old)": "not run",
    }
    gone = f"{RETIRED} was retired on 2026-10-23, and the cache has no answers of it"
    assert gone in (folder / "results/tables/leaderboard.tiny.temporal.md").read_text()
    # Both temperatures ask one model, though two jobs wanted it at once.
    assert double.steps == ["files", "files", "jobs"]
    tuned = [seed(folder, name) / "language_model/model.json" for name in ("cool", "warm")]
    models = [read_json(path) for path in tuned]
    assert models[0] == models[1]
    assert models[0]["cost"]["tokens"] > 0
    asked = {body["model"] for body in double.bodies}
    assert asked == {BASE, models[0]["model"]}
    facts = read_json(seed(folder, "cool") / "answers.test.json")
    assert facts["cost"]["requests"] > 0
    assert facts["cost"]["usd"] > 0
    assert OpenAIModelsDouble.key not in all_text(folder)


def all_text(folder: Path) -> str:
    """Whatever a run has written."""
    found = [folder / name for name in ("results", "state", "logs", ".snakemake")]
    paths = [path for place in found for path in place.rglob("*") if path.is_file()]
    return "".join(path.read_bytes().decode("latin-1") for path in paths)


def test_a_killed_workflow_goes_on_and_what_is_deleted_is_not_bought_again(
    double: OpenAIModelsDouble, tmp_path: Path
) -> None:
    there, never = threading.Event(), threading.Event()

    def hold(handler: Handler) -> None:
        there.set()
        never.wait(120)

    double.step_faults = {"jobs": [hold]}
    folder = project(tmp_path, double.url, runs=ALONE, experiments=[EXPERIMENT])
    killed = subprocess.Popen(
        command(METRICS, *OWN),
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    reached = there.wait(120)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    never.set()
    assert reached
    done = run(folder, METRICS, *OWN)
    assert done.returncode == 0, done.stderr[-3000:]
    assert double.steps == ["files", "files", "jobs"]
    asked = dict(double.asked)
    metrics = (folder / METRICS).read_bytes()
    shutil.rmtree(seed(folder, "cool"))
    done = run(folder, METRICS, *OWN)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (folder / METRICS).read_bytes() == metrics
    assert double.steps == ["files", "files", "jobs"]
    assert dict(double.asked) == asked


def test_a_job_that_fails_is_one_line_and_leaves_nothing_half_written(
    double: OpenAIModelsDouble, tmp_path: Path
) -> None:
    double.job_ends = "failed"
    folder = project(tmp_path, double.url, runs=ALONE, experiments=[EXPERIMENT])
    done = run(folder, METRICS, *OWN)
    assert done.returncode != 0
    log = (folder / "logs/finetune_llm/tiny.temporal.full.cool.seed1.log").read_text()
    lines = [line for line in log.splitlines() if "ftjob-0 failed" in line]
    assert len(lines) == 1
    assert lines[0].endswith("failed: the file has too few examples; run again for a new one")
    assert not (seed(folder, "cool") / "language_model").exists()
