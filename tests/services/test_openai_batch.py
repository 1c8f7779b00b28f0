"""The Batch API: the real client against a server on this machine, killed at every step."""

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmseqrec.config import Embedding, Services
from llmseqrec.embeddings.openai import OpenAIEmbeddings
from llmseqrec.errors import InputError
from llmseqrec.uploads import Permission
from tests.conftest import ROOT
from tests.doubles.openai_server import OpenAIDouble, OpenAIHandler, answer
from tests.doubles.server import Fault, drop, refuse, serving, vector_of

SPAWN = multiprocessing.get_context("spawn")
TEXTS = [f"title number {number}" for number in range(10)]
EXPECTED = np.stack([vector_of(text, 8) for text in TEXTS])
BOUND = sum(map(len, TEXTS)) * 0.01 / 1e6
Make = Callable[..., OpenAIEmbeddings]


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIDouble]:
    monkeypatch.setenv("OPENAI_API_KEY", OpenAIDouble.key)
    with serving(OpenAIHandler, OpenAIDouble()) as made:
        yield made


def provider(
    folder: Path, url: str, max_usd: float | None = 1.0, batch: bool = True
) -> OpenAIEmbeddings:
    services = Services(
        cache=folder / "cache.sqlite",
        ledger=folder / "ledger.sqlite",
        prices=ROOT / "config" / "prices.yaml",
        batches=folder / "batches",
        batch_poll=0.01,
        attempts=3,
    )
    embedding = Embedding(provider="openai", base_url=f"{url}/v1", batch_size=4, batch=batch)
    return OpenAIEmbeddings(embedding, permission=Permission("t", ["openai"], max_usd, services))


@pytest.fixture
def made(double: OpenAIDouble, tmp_path: Path) -> OpenAIEmbeddings:
    return provider(tmp_path, double.url)


def left_over(folder: Path) -> list[Path]:
    return list((folder / "batches").rglob("*.json"))


def test_one_batch_brings_all_vectors_at_half_the_price(
    made: OpenAIEmbeddings, double: OpenAIDouble, tmp_path: Path
) -> None:
    double.looks = 3
    np.testing.assert_array_equal(made.embed(TEXTS), EXPECTED)
    np.testing.assert_array_equal(made.embed(TEXTS[::-1]), EXPECTED[::-1])
    assert double.steps == ["files", "batches"]
    balance = made.access.ledger.balance()
    assert balance.spent == pytest.approx(30 * 0.01 / 1e6)
    assert (balance.tokens, balance.reserved, balance.lost) == (30, 0, 0)
    assert left_over(tmp_path) == []


def test_requests_that_failed_are_sent_again_alone(
    made: OpenAIEmbeddings, double: OpenAIDouble
) -> None:
    double.spoil = {1}
    with pytest.raises(InputError, match="1 of 3 requests failed: no such luck; what is missing"):
        made.embed(TEXTS)
    double.spoil = set()
    np.testing.assert_array_equal(made.embed(TEXTS), EXPECTED)
    assert double.answered == dict.fromkeys(TEXTS, 1)
    assert double.received == dict.fromkeys(TEXTS, 1) | dict.fromkeys(TEXTS[4:8], 2)
    assert made.access.ledger.balance().tokens == 30


@pytest.mark.parametrize("step", ["files", "batches"])
def test_a_lost_answer_does_not_submit_twice(
    made: OpenAIEmbeddings, double: OpenAIDouble, step: str
) -> None:
    double.step_faults = {step: [drop]}
    np.testing.assert_array_equal(made.embed(TEXTS), EXPECTED)
    assert double.steps.count("batches") == 1


def test_a_submission_that_is_turned_down_is_forgotten(
    made: OpenAIEmbeddings, double: OpenAIDouble, tmp_path: Path
) -> None:
    double.step_faults = {"files": [refuse(400, None, "not this file")]}
    with pytest.raises(InputError, match="not this file"):
        made.embed(TEXTS)
    assert left_over(tmp_path) == []
    assert made.access.ledger.balance().reserved == 0
    np.testing.assert_array_equal(made.embed(TEXTS), EXPECTED)


def test_money_is_reserved_before_anything_is_sent(double: OpenAIDouble, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="max_usd"):
        provider(tmp_path, double.url, BOUND / 2).embed(TEXTS)
    assert double.steps == []
    assert left_over(tmp_path) == []
    provider(tmp_path, double.url, BOUND).embed(TEXTS)


def test_an_uncertain_submission_is_kept_for_the_next_run(
    made: OpenAIEmbeddings, double: OpenAIDouble, tmp_path: Path
) -> None:
    double.step_faults = {"batches": [drop]}
    services = made.access.services.model_copy(update={"attempts": 1})
    once = OpenAIEmbeddings(made.embedding, permission=Permission("t", ["openai"], 1.0, services))
    with pytest.raises(InputError, match="batch: "):
        once.embed(TEXTS)
    assert len(left_over(tmp_path)) == 1
    assert made.access.ledger.balance().reserved == pytest.approx(BOUND)
    np.testing.assert_array_equal(made.embed(TEXTS), EXPECTED)
    assert double.steps == ["files", "batches"]


@pytest.mark.parametrize("lost", [drop, refuse(502), refuse(504)])
@pytest.mark.parametrize(
    "away", [refuse(429, retry_after="0"), refuse(503, retry_after="0"), refuse(401)]
)
def test_a_restart_that_cannot_look_forgets_nothing(
    made: OpenAIEmbeddings, double: OpenAIDouble, tmp_path: Path, lost: Fault, away: Fault
) -> None:
    double.step_faults = {"batches": [lost]}
    services = made.access.services.model_copy(update={"attempts": 1})
    once = OpenAIEmbeddings(made.embedding, permission=Permission("t", ["openai"], 1.0, services))
    with pytest.raises(InputError, match="batch: "):
        once.embed(TEXTS)
    double.step_faults = {"find": [away] * 3}
    with pytest.raises(InputError, match="batch: "):
        made.embed(TEXTS)
    assert len(left_over(tmp_path)) == 1
    assert made.access.ledger.balance().reserved == pytest.approx(BOUND)
    double.step_faults = {}
    np.testing.assert_array_equal(made.embed(TEXTS), EXPECTED)
    assert double.steps == ["files", "batches"]


def test_what_was_never_sent_holds_no_money(
    made: OpenAIEmbeddings, double: OpenAIDouble, tmp_path: Path
) -> None:
    double.step_faults = {"find": [refuse(401)]}
    with pytest.raises(InputError, match="OPENAI_API_KEY is not accepted"):
        made.embed(TEXTS)
    assert left_over(tmp_path) == []
    assert made.access.ledger.balance().reserved == 0


def _too_few(made: dict) -> dict:
    return made | {"data": made["data"][1:]}


def _uncounted(made: dict) -> dict:
    return made | {"usage": None}


@pytest.mark.parametrize(
    ("alter", "usd"), [(_too_few, 30 * 0.01 / 1e6), (_uncounted, BOUND)], ids=["counted", "bound"]
)
def test_answers_that_cannot_be_used_are_paid_for(
    double: OpenAIDouble, tmp_path: Path, alter: Callable[[dict], dict], usd: float
) -> None:
    double.alter = alter
    made = provider(tmp_path, double.url, BOUND * 1.1)
    with pytest.raises(InputError, match="3 of 3 requests failed: unusable answer"):
        made.embed(TEXTS)
    balance = made.access.ledger.balance()
    assert (balance.spent, balance.reserved) == (pytest.approx(usd), 0)
    with pytest.raises(InputError, match="max_usd"):  # and not bought for ever
        made.embed(TEXTS)
    assert double.steps.count("batches") == 1


def test_a_batch_that_cannot_be_had_does_not_keep_the_others(
    made: OpenAIEmbeddings, double: OpenAIDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmseqrec.embeddings.openai_batch.TEXTS", 4)
    double.step_faults = {"batch": [refuse(400, None, "not this one")]}
    with pytest.raises(InputError, match="not this one"):
        made.embed(TEXTS)
    assert len(left_over(tmp_path)) == 1
    assert len(made.access.cache.missing(made.source, TEXTS)) == 4
    np.testing.assert_array_equal(made.embed(TEXTS), EXPECTED)
    assert double.steps.count("batches") == 3


def _embed(folder: Path, url: str, batch: bool = True, texts: int = len(TEXTS)) -> None:
    os.environ["OPENAI_API_KEY"] = OpenAIDouble.key
    provider(folder, url, batch=batch).embed(TEXTS[:texts])


def test_what_another_job_is_buying_is_waited_for(
    made: OpenAIEmbeddings, double: OpenAIDouble, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    there, waiting = threading.Event(), threading.Event()

    def hold(handler: Any) -> None:
        there.set()
        waiting.wait(300)
        handler.send_json(answer(double, double.requests[0]))

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "another job is buying 4" in record.getMessage():
                waiting.set()

    caplog.set_level("INFO")
    logger, told = logging.getLogger("llmseqrec.services.shelf"), Told()
    logger.addHandler(told)
    double.faults = [hold]
    other = SPAWN.Process(target=_embed, args=(tmp_path, double.url, False, 4))
    other.start()
    try:
        assert there.wait(300)
        np.testing.assert_array_equal(made.embed(TEXTS), EXPECTED)
    finally:
        waiting.set()
        other.join()
        logger.removeHandler(told)
    assert double.received == dict.fromkeys(TEXTS, 1)


@pytest.mark.parametrize("step", ["files", "batches", "waiting"])
def test_a_killed_job_is_taken_up_and_nothing_is_submitted_twice(
    double: OpenAIDouble, tmp_path: Path, step: str
) -> None:
    there, never = threading.Event(), threading.Event()

    def hold(handler: Any) -> None:
        there.set()
        never.wait(300)

    double.step_faults = {step: [hold]}
    double.looks = 10**9
    if step == "waiting":
        seen = double.batches

        class Seen(dict):  # tells when a batch is looked at
            def __getitem__(self, name: str) -> Any:
                there.set()
                return super().__getitem__(name)

        double.batches = Seen(seen)
    job = SPAWN.Process(target=_embed, args=(tmp_path, double.url))
    job.start()
    assert there.wait(300)
    os.kill(job.pid, signal.SIGKILL)
    job.join()
    never.set()
    double.looks = 0
    found = provider(tmp_path, double.url)
    np.testing.assert_array_equal(found.embed(TEXTS), EXPECTED)
    assert double.steps.count("batches") == 1
    assert double.received == dict.fromkeys(TEXTS, 1)
    balance = found.access.ledger.balance()
    assert (balance.tokens, balance.reserved, balance.lost) == (30, 0, 0)
    assert left_over(tmp_path) == []
