"""Paid item vectors through the whole workflow, against a server on this machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from llmseqrec.contracts import read_json
from tests.conftest import tiny_content, tiny_rows
from tests.doubles.openai_server import OpenAIDouble, OpenAIHandler
from tests.doubles.server import refuse, serving
from tests.workflow.copies import copy_project, run

WRONG = "sk-wrong-9f8e7d6c5b4a"
TABLE = "results/tables/leaderboard.tiny.temporal"


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIDouble]:
    monkeypatch.setenv("OPENAI_API_KEY", OpenAIDouble.key)
    with serving(OpenAIHandler, OpenAIDouble()) as made:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{made.url}/v1")
        yield made


def project(folder: Path, **keys: Any) -> Path:
    """A copy of the project with a configuration of one run on paid vectors."""
    made = copy_project(folder / "project")
    (folder / "raw").mkdir()
    (folder / "raw" / "rows.csv").write_text("\n".join(tiny_rows()) + "\n")
    content = tiny_content(folder / "raw")
    content["datasets"]["tiny"]["allow_upload"] = ["openai"]
    content["embeddings"] = {"small": {"provider": "openai"}}
    sim = {"display": "Sim", "model": "llm_seq_sim", "embedding": "small"}
    content["runs"] = {"most_popular": content["runs"]["most_popular"], "sim": sim}
    content["experiments"][0]["runs"] = ["most_popular", "sim"]
    (made / "config" / "paid.yaml").write_text(yaml.safe_dump(content | keys))
    return made


def test_vectors_are_bought_once_and_their_cost_is_reported(
    tmp_path: Path, double: OpenAIDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project(tmp_path, max_usd=1)
    arguments = (f"{TABLE}.csv", "--configfile", "config/paid.yaml")
    done = run(folder, *arguments)
    assert done.returncode == 0, done.stderr[-3000:]
    assert set(double.answered.values()) == {1}
    facts = read_json(folder / "results" / "tiny" / "embeddings" / "small.json")
    assert facts["cost"] == {"texts": 11, "tokens": 33, "usd": pytest.approx(33 * 0.02 / 1e6)}
    notes = pd.read_csv(folder / f"{TABLE}.csv").set_index("model")["note"].fillna("")
    assert notes["Sim"] == "item vectors: 33 tokens, 0.0000 USD"
    assert notes["MostPopular"] == ""
    # The vectors are lost, the key as well: the cache has them, and they are the same.
    vectors = folder / "results" / "tiny" / "embeddings" / "small.npy"
    before = vectors.read_bytes(), vectors.with_suffix(".json").read_bytes()
    vectors.unlink()
    monkeypatch.delenv("OPENAI_API_KEY")
    done = run(folder, "results/tiny/embeddings/small.npy", *arguments[1:])
    assert done.returncode == 0, done.stderr[-3000:]
    assert (vectors.read_bytes(), vectors.with_suffix(".json").read_bytes()) == before
    assert set(double.received.values()) == {1}


def test_a_batch_is_bought_through_the_workflow(tmp_path: Path, double: OpenAIDouble) -> None:
    small = {"provider": "openai", "batch": True}
    folder = project(tmp_path, embeddings={"small": small}, services={"batch_poll": 0.1})
    done = run(folder, "results/tiny/embeddings/small.npy", "--configfile", "config/paid.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    assert double.steps == ["files", "batches"]
    assert set(double.answered.values()) == {1}
    assert not list((folder / "state" / "batches").rglob("*.json"))


@pytest.mark.parametrize("problem", ["key", "echo", "crash"])
def test_a_failing_run_leaves_the_key_nowhere(
    tmp_path: Path, double: OpenAIDouble, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    secret = OpenAIDouble.key
    if problem == "key":
        secret = WRONG
        monkeypatch.setenv("OPENAI_API_KEY", WRONG)
    if problem == "echo":
        double.faults = [refuse(400, None, f"bad request with Bearer {secret}")]
    if problem == "crash":
        double.alter = lambda made: {"data": secret, "usage": secret}
    folder = project(tmp_path)
    done = run(folder, f"{TABLE}.csv", "--configfile", "config/paid.yaml")
    assert done.returncode != 0
    everything = done.stdout + done.stderr
    assert everything.count("error: openai text-embedding-3-small: ") >= 1, everything
    assert secret not in everything
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name.endswith("small.log") for path in left)
    assert [path for path in left if secret.encode() in path.read_bytes()] == []
    assert not (folder / "results" / "tiny" / "embeddings" / "small.npy").exists()


def test_a_dataset_that_allows_no_upload_sends_nothing(
    tmp_path: Path, double: OpenAIDouble
) -> None:
    folder = project(tmp_path)
    closed = "datasets={tiny: {allow_upload: []}}"
    arguments = ("--configfile", "config/paid.yaml", "--config", closed)
    done = run(folder, f"{TABLE}.csv", *arguments)
    assert done.returncode == 0, done.stderr[-3000:]
    notes = pd.read_csv(folder / f"{TABLE}.csv").set_index("model")["note"]
    assert notes["Sim"] == "not run: texts of tiny may not be sent to openai (allow_upload)"
    assert not double.received
