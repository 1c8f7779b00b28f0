"""Several processes on one cache and one ledger, and one that is killed."""

import multiprocessing
import os
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmseqrec.config import Embedding, Services
from llmseqrec.embeddings.openai import OpenAIEmbeddings
from llmseqrec.errors import InputError
from llmseqrec.uploads import Permission
from tests.conftest import ROOT
from tests.doubles.openai_server import OpenAIDouble, OpenAIHandler
from tests.doubles.server import serving, vector_of

SPAWN = multiprocessing.get_context("spawn")
TEXTS = [f"title number {number}" for number in range(60)]


def provider(folder: Path, url: str, max_usd: float | None, concurrency: int) -> OpenAIEmbeddings:
    services = Services(
        cache=folder / "cache.sqlite",
        ledger=folder / "ledger.sqlite",
        prices=ROOT / "config" / "prices.yaml",
        concurrency=concurrency,
    )
    embedding = Embedding(provider="openai", base_url=f"{url}/v1", batch_size=3)
    return OpenAIEmbeddings(embedding, permission=Permission("tiny", ["openai"], max_usd, services))


def _embed(folder: Path, url: str, max_usd: float | None, start: int, told: Any) -> None:
    os.environ["OPENAI_API_KEY"] = OpenAIDouble.key
    texts = [*TEXTS[start:], *TEXTS[:start]]
    try:
        vectors = provider(folder, url, max_usd, 2).embed(texts)
        told.put(bool((vectors == [vector_of(text, 8) for text in texts]).all()))
    except InputError as error:
        told.put(str(error))


def _all(folder: Path, url: str, max_usd: float | None) -> list[Any]:
    """What ten processes that want the same texts, each in another order, have to tell."""
    told = SPAWN.Queue()
    jobs = [
        SPAWN.Process(target=_embed, args=(folder, url, max_usd, 6 * number, told))
        for number in range(10)
    ]
    for job in jobs:
        job.start()
    found = [told.get(timeout=120) for _ in jobs]
    for job in jobs:
        job.join()
    return found


def test_ten_jobs_buy_every_text_once(tmp_path: Path) -> None:
    with serving(OpenAIHandler, OpenAIDouble()) as double:
        assert _all(tmp_path, double.url, 1.0) == [True] * 10
    assert double.received == dict.fromkeys(TEXTS, 1)
    balance = provider(tmp_path, "http://x", 1.0, 1).access.ledger.balance()
    assert (balance.tokens, balance.lost, balance.reserved) == (180, 0, 0)


def test_ten_jobs_do_not_overspend(tmp_path: Path) -> None:
    bound = 3 * len(TEXTS[-1]) * 0.02 / 1e6  # of one request
    limit = 4 * bound
    with serving(OpenAIHandler, OpenAIDouble()) as double:
        found = _all(tmp_path, double.url, limit)
    assert all("max_usd" in str(one) for one in found)
    balance = provider(tmp_path, "http://x", limit, 1).access.ledger.balance()
    assert limit - bound <= balance.spent <= limit
    assert balance.lost == balance.reserved == 0
    assert max(double.received.values()) == 1


def _embed_all(folder: Path, url: str) -> None:
    os.environ["OPENAI_API_KEY"] = OpenAIDouble.key
    provider(folder, url, None, 2).embed(TEXTS)


@pytest.mark.parametrize("answered", [0, 1, 7])
def test_a_killed_job_pays_again_for_the_requests_in_flight_at_most(
    tmp_path: Path, answered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", OpenAIDouble.key)
    holding, never = threading.Event(), threading.Event()

    def hold(handler: Any) -> None:
        holding.set()
        never.wait(300)

    with serving(OpenAIHandler, OpenAIDouble()) as double:
        job = SPAWN.Process(target=_embed_all, args=(tmp_path, double.url))

        def count(made: dict) -> dict:
            if len(double.requests) >= answered:
                double.faults = [hold] * 2
            return made

        double.alter = count
        double.faults = [] if answered else [hold] * 2
        job.start()
        assert holding.wait(300)
        os.kill(job.pid, signal.SIGKILL)
        job.join()
        double.faults, double.alter = [], lambda made: made
        never.set()
        again = provider(tmp_path, double.url, None, 2)
        np.testing.assert_array_equal(again.embed(TEXTS), [vector_of(t, 8) for t in TEXTS])
        repeated = [text for text, times in double.received.items() if times > 1]
        assert len(repeated) <= 2 * 3  # two requests of three texts
        assert max(double.received.values()) <= 2
        assert again.access.ledger.balance().lost <= 2 * 60 * 0.02 / 1e6
