"""Tuning and answers by `vertex`: the real clients, a server that really trains."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.oauth2.credentials import Credentials
from pydantic import ValidationError

from llmseqrec.config import VertexModelSettings
from llmseqrec.contracts import read_json
from llmseqrec.errors import InputError
from llmseqrec.llm.providers.vertex import VertexProvider, place_of
from llmseqrec.llm.providers.vertex_tuning import VertexTuning
from llmseqrec.services.google_client import GoogleClient
from tests.doubles.server import Fault, Handler, drop, serving, truncate
from tests.doubles.vertex_models import BASE, VertexModelsDouble, VertexModelsHandler
from tests.doubles.vertex_server import refuse
from tests.services.language_models import (
    NAMES,
    NEXT,
    QUESTIONS,
    kill_at,
    permission,
    place,
    question,
    request,
    tuning_files,
)

Make = Callable[..., VertexProvider]
PRICE = {"usd_per_million": 0.1, "output_usd_per_million": 0.4, "training_usd_per_million": 2.0}


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[VertexModelsDouble]:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    with serving(VertexModelsHandler, VertexModelsDouble()) as made:
        yield made


def provider_at(
    folder: Path, url: str, money: float | None = 1.0, keys: Any = None, services: Any = None
) -> VertexProvider:
    price = PRICE | {"tuned": {"usd_per_million": 0.2, "output_usd_per_million": 0.8}}
    prices = folder / "prices.yaml"
    content = {"as_of": "2026-11-20", "providers": {"vertex": {BASE: price}}}
    prices.write_text(yaml.safe_dump(content))
    given = {
        "provider": "vertex",
        "model": BASE,
        "base_url": url,
        "storage_url": url,
        "bucket": "bucket",
        "project": "p1",
    }
    settings = VertexModelSettings(**given | (keys or {}))
    allowed = permission(folder, "vertex", money, prices=prices, **(services or {}))
    return VertexProvider(settings, "cpu", allowed)


@pytest.fixture
def provider(double: VertexModelsDouble, tmp_path: Path) -> Make:
    def make(money: float | None = 1.0, **keys: Any) -> VertexProvider:
        return provider_at(tmp_path, double.url, money, keys)

    return make


def tuned(made: VertexProvider, folder: Path) -> dict[str, Any]:
    made.finetune(tuning_files(folder), place(folder))
    return read_json(folder / "run" / "model.json")


def test_upload_job_poll_and_answers_of_a_model_that_was_trained(
    provider: Make, double: VertexModelsDouble, tmp_path: Path
) -> None:
    double.training_steps = 400
    made = provider(epochs=2, adapter_size=8, samples_a_request=8)
    facts = tuned(made, tmp_path)
    assert facts["model"] == "projects/p1/locations/us-central1/endpoints/0"
    assert double.steps == ["files", "files", "jobs"]
    (job,) = double.jobs
    assert job["tunedModelDisplayName"] == "tiny.temporal.full.run.seed1"
    assert job["labels"]["seed"] == "1"
    assert int(job["supervisedTuningSpec"]["hyperParameters"]["epochCount"]) == 2
    trained = 2 * len(NAMES) * 8  # words of question and answer, as often as they were read
    assert facts["cost"] == {"requests": 1, "tokens": trained, "usd": trained * 2 / 1e6}
    found = made.answers(tmp_path / "run", QUESTIONS, request(20))
    assert found == [[NEXT[name]] * 20 for name in NAMES]
    # Three requests a question: six words, two an answer, one for thinking.
    usd = len(NAMES) * (3 * 6 * 0.2 + (20 * 2 + 3) * 0.8) / 1e6
    assert made.cost() == {"requests": 18, "tokens": 6 * 61, "usd": pytest.approx(usd)}
    balance = made.access.ledger.balance()
    assert balance.spent == pytest.approx(facts["cost"]["usd"] + usd)
    assert (balance.reserved, balance.lost) == (0, 0)


def test_every_sample_is_a_request_with_a_seed_of_its_own(
    provider: Make, double: VertexModelsDouble
) -> None:
    made = provider(thinking_budget=0)
    found = made.answers(None, QUESTIONS[:1], request(3))
    assert found == [["rose soap again 0"] * 3]
    assert made.answers(None, QUESTIONS[:1], request(3)) == found
    assert [body["generationConfig"]["seed"] for body in double.bodies] == [1000, 1001, 1002]
    asked = double.bodies[0]
    assert prompt_parts(asked) == ("What is bought next?", "rose soap")
    assert asked["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 0}


def prompt_parts(asked: dict[str, Any]) -> tuple[str, str]:
    return (
        asked["systemInstruction"]["parts"][0]["text"],
        asked["contents"][0]["parts"][0]["text"],
    )


def test_a_text_goes_as_one_and_stops_where_it_should(
    provider: Make, double: VertexModelsDouble
) -> None:
    provider().answers(None, [question("x", chat=False)], request())
    (asked,) = double.bodies
    assert "systemInstruction" not in asked
    assert asked["contents"][0]["parts"] == [{"text": "What is bought next?\nx"}]
    assert asked["generationConfig"]["stopSequences"] == [" ###"]


def test_training_lines_are_contents(
    provider: Make, double: VertexModelsDouble, tmp_path: Path
) -> None:
    tuned(provider(), tmp_path)
    lines = [json.loads(line) for line in max(double.objects.values(), key=len).splitlines()]
    assert [line["contents"][1]["role"] for line in lines] == ["model"] * len(NAMES)
    assert lines[0]["contents"][1]["parts"] == [{"text": "rose oil"}]
    assert "session" not in str(lines)


@pytest.mark.parametrize("fault", [drop, truncate, refuse(503, retry_after="0"), refuse(429)])
def test_a_lost_answer_makes_nothing_twice(
    provider: Make, double: VertexModelsDouble, tmp_path: Path, fault: Fault
) -> None:
    double.step_faults = {step: [fault] for step in ("jobs", "look", "list", "answers")}
    double.step_faults["files"] = [drop]
    tuned(provider(), tmp_path)
    assert double.steps == ["files", "files", "jobs"]
    assert len(provider().answers(tmp_path / "run", QUESTIONS, request())) == len(NAMES)


def test_a_server_that_is_silent_is_not_waited_for(
    double: VertexModelsDouble, tmp_path: Path
) -> None:
    never, waited = threading.Event(), []

    def hold(handler: Handler) -> None:
        if not never.wait(30):
            waited.append(handler.path)
        handler.close_connection = True

    double.step_faults = {step: [hold] for step in ("list", "jobs", "look")}
    made = provider_at(tmp_path, double.url, services={"timeout": 1, "attempts": 8})
    try:
        tuned(made, tmp_path)
    finally:
        never.set()
    assert waited == []
    assert double.steps == ["files", "files", "jobs"]


def test_no_credentials_go_where_there_is_no_encryption(
    double: VertexModelsDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = Credentials(token="ya29.secret")
    monkeypatch.setattr("google.auth.default", lambda **_: (credentials, "p1"))
    made = provider_at(tmp_path, "", keys={"base_url": None, "storage_url": double.url})
    client = GoogleClient(place_of(made.settings), made.access.services)
    storage = VertexTuning("https://x", made.settings, "title", lambda: client)
    assert storage.send_file("a.jsonl", b"{}") == "gs://bucket/a.jsonl"  # the server looks for it
    secure = client.session("https://storage.googleapis.com")
    assert secure.credentials is credentials


def test_a_job_without_validation_gets_no_file_for_it(
    provider: Make, double: VertexModelsDouble, tmp_path: Path
) -> None:
    provider().finetune(tuning_files(tmp_path, validation=False), place(tmp_path))
    assert double.steps == ["files", "jobs"]
    assert "validationDatasetUri" not in double.jobs[0]["supervisedTuningSpec"]


@pytest.mark.parametrize("key", ["base_url", "storage_url"])
def test_an_address_with_a_password_is_refused(key: str) -> None:
    with pytest.raises(ValidationError, match="a user name or password is not taken"):
        VertexModelSettings(**{"provider": "vertex", "model": BASE, key: "http://me:pw@host"})


def test_a_restart_that_cannot_look_forgets_no_job(
    provider: Make, double: VertexModelsDouble, tmp_path: Path
) -> None:
    away = refuse(503, retry_after="0")
    double.step_faults["jobs"] = [away]
    double.step_faults["list"] = [lambda handler: handler.send_json({}), *[away] * 5]
    for _ in range(2):
        with pytest.raises(InputError, match="fine-tuning: "):
            tuned(provider(), tmp_path)
    assert provider().access.ledger.balance().reserved > 0
    assert tuned(provider(), tmp_path)["job"].endswith("tuningJobs/0")
    assert double.steps == ["files", "files", "jobs"]


def test_an_object_that_is_there_is_not_sent_again(
    provider: Make, double: VertexModelsDouble, tmp_path: Path
) -> None:
    first = tuned(provider(), tmp_path)
    for path in (tmp_path / "jobs").iterdir():
        path.unlink()
    assert tuned(provider(), tmp_path) == first
    assert tuned(provider(epochs=3), tmp_path)["model"] != first["model"]
    assert double.steps == ["files", "files", "jobs", "jobs"]


@pytest.mark.parametrize("end", ["FAILED", "CANCELLED", "EXPIRED"])
def test_a_job_that_does_not_succeed_is_one_line(
    provider: Make, double: VertexModelsDouble, tmp_path: Path, end: str
) -> None:
    double.job_ends = end
    with pytest.raises(InputError, match=rf"{end.lower()}: the dataset is too small; run again"):
        tuned(provider(), tmp_path)
    assert not (tmp_path / "run").exists()
    double.job_ends = "SUCCEEDED"
    assert tuned(provider(), tmp_path)["job"].endswith("tuningJobs/1")


def _work(folder: Path, url: str) -> None:
    made = provider_at(folder, url)
    tuned(made, folder)
    made.answers(folder / "run", QUESTIONS, request())


@pytest.mark.parametrize("step", ["files", "jobs"])
def test_a_killed_process_is_taken_up_and_nothing_is_made_twice(
    double: VertexModelsDouble, tmp_path: Path, step: str
) -> None:
    kill_at(double, step, _work, tmp_path)
    _work(tmp_path, double.url)
    assert double.steps == ["files", "files", "jobs"]
    assert list(double.asked.values()) == [1] * len(NAMES)


def test_what_is_missing_is_told(
    provider: Make, double: VertexModelsDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="tuning needs a bucket"):
        tuned(provider(bucket=None), tmp_path)
    with pytest.raises(InputError, match=r"gone is not served \(any more\)"):
        provider(None, model="gone").answers(None, QUESTIONS, request())
    with pytest.raises(InputError, match="price of vertex gone is unknown"):
        provider(1.0, model="gone").answers(None, QUESTIONS, request())
    services = permission(tmp_path, "vertex").services
    settings = provider(project=None).settings
    assert VertexProvider.unmet_need(settings, services) == "no GOOGLE_CLOUD_PROJECT"
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p1")
    assert VertexProvider.unmet_need(settings, services) is None
    old = settings.model_copy(update={"model": "text-bison@001"})
    assert "was retired on 2024-10-09" in str(VertexProvider.unmet_need(old, services))
    assert double.steps == []


def test_a_bucket_that_is_not_there_is_told_once(
    provider: Make, double: VertexModelsDouble, tmp_path: Path
) -> None:
    double.step_faults["files"] = [refuse(404, "no bucket")]
    with pytest.raises(InputError, match="no bucket 'bucket'"):
        tuned(provider(), tmp_path)
    assert double.steps == ["files"]
    assert provider().access.ledger.balance().reserved == 0


def test_a_prompt_that_is_blocked_has_empty_answers(
    provider: Make, double: VertexModelsDouble
) -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "candidates": []}
    double.alter_answer = lambda made: made | blocked
    found = provider(samples_a_request=2).answers(None, QUESTIONS[:1], request(2))
    assert found == [["", ""]]


def test_too_few_answers_are_refused(provider: Make, double: VertexModelsDouble) -> None:
    double.alter_answer = lambda made: made | {"candidates": made["candidates"][:1]}
    with pytest.raises(InputError, match="unusable answer: 1 texts for 4"):
        provider(samples_a_request=4).answers(None, QUESTIONS[:1], request(4))
    assert len(double.bodies) == 1
