"""The cache of paid answers: exact, shared by processes; prices; what `cache stats` tells."""

import dataclasses
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from llmseqrec.__main__ import main
from llmseqrec.config import OpenAIModelSettings
from llmseqrec.errors import InputError
from llmseqrec.llm.providers.openai import OpenAIProvider
from llmseqrec.services.completions import (
    Asker,
    Completion,
    CompletionCache,
    Question,
    canonical,
)
from llmseqrec.services.pool import Pace
from tests.doubles.openai_models import BASE, OpenAIModelsDouble, OpenAIModelsHandler
from tests.doubles.server import serving
from tests.services.language_models import permission, question, request

SPAWN = multiprocessing.get_context("spawn")
ASKER = Asker("openai", "https://api.openai.com/v1", "base", "/v1/chat/completions")
QUESTION = Question(ASKER, canonical({"model": "m", "n": 2, "messages": ["Rosé"]}))
ANSWER = Completion(("a", 'b"\n'), 3.0, 4.0, 0.25)


def cache_in(folder: Path) -> CompletionCache:
    return CompletionCache(folder / "cache" / "completions.sqlite")


def test_answers_come_back_as_they_were_in_the_order_asked(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    others = [dataclasses.replace(QUESTION, part=part) for part in range(1, 900)]
    assert cache.missing([QUESTION, others[0], QUESTION]) == [QUESTION, others[0]]
    assert not (tmp_path / "cache").exists()  # asking writes nothing
    cache.add(QUESTION, ANSWER)
    cache.add(others[0], Completion((), 1.0, 0.0))
    assert [one.texts for one in cache.read([others[0], QUESTION])] == [(), ANSWER.texts]
    assert cache.missing([QUESTION, *others]) == others[1:]
    with pytest.raises(InputError, match="898 questions have no answer"):
        cache.read([QUESTION, *others])


def test_the_first_answer_stays_and_costs_once(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    cache.add(QUESTION, ANSWER)
    cache.add(QUESTION, Completion(("other",), 9.0, 9.0, 9.0))
    assert cache.read([QUESTION]) == [ANSWER]
    cost = cache.cost([QUESTION, QUESTION, dataclasses.replace(QUESTION, part=7)])
    assert (cost.requests, cost.tokens, cost.usd) == (1, 7.0, 0.25)
    cache.add(dataclasses.replace(QUESTION, part=7), Completion(("x",), 1.0, 1.0))
    assert cache.cost([QUESTION, dataclasses.replace(QUESTION, part=7)]).usd is None


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(QUESTION, part=1),
        dataclasses.replace(QUESTION, request=QUESTION.request.replace("2", "3")),
        dataclasses.replace(QUESTION, asker=dataclasses.replace(ASKER, provider="vertex")),
        dataclasses.replace(QUESTION, asker=dataclasses.replace(ASKER, endpoint="http://x")),
        dataclasses.replace(QUESTION, asker=dataclasses.replace(ASKER, path="/v1/completions")),
    ],
)
def test_whatever_decides_an_answer_is_in_its_key(tmp_path: Path, other: Question) -> None:
    cache = cache_in(tmp_path)
    cache.add(QUESTION, ANSWER)
    assert cache.missing([other]) == [other]


def test_keys_do_not_change_between_versions() -> None:
    assert QUESTION.key.hex() == "ba662db0caf2139216acac40bbbcba9d25be7fcbd3a5c938e42e7ac3e1109d1f"


def test_a_base_model_and_its_descendants_are_counted_together(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    assert cache.count(ASKER) == 0
    cache.add(QUESTION, ANSWER)
    assert cache.count(dataclasses.replace(ASKER, path="/v1/completions")) == 1
    assert cache.count(dataclasses.replace(ASKER, base="other")) == 0


def test_stats_tell_of_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = cache_in(tmp_path)
    cache.add(QUESTION, ANSWER)
    cache.add(dataclasses.replace(QUESTION, part=1), Completion(("x",), 1000.0, 1.0))
    path = str(cache.database.path)
    none = str(tmp_path / "none.sqlite")
    assert main(["cache", "--path", none, "--completions", path, "stats"]) == 0
    assert capsys.readouterr().out == (
        "openai https://api.openai.com/v1 base: 2 requests, 1,003 tokens of questions, 5 of"
        " answers, 0.2500 USD and 1 of unknown price\n"
    )
    assert main(["cache", "--path", none, "--completions", none, "stats"]) == 1


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE completions SET request = replace(request, 'Ros', 'Res')", "another key"),
        ("UPDATE completions SET request = 'x'", "no JSON"),
        ("UPDATE completions SET texts = '[1]'", "answers that are no texts"),
    ],
)
def test_verify_finds_what_is_wrong(
    tmp_path: Path, statement: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = cache_in(tmp_path)
    cache.add(QUESTION, ANSWER)
    paths = ["--path", str(tmp_path / "none.sqlite"), "--completions", str(cache.database.path)]
    assert main(["cache", *paths, "verify"]) == 0
    with cache.database.writing() as connection:
        connection.execute(statement)
    assert main(["cache", *paths, "verify"]) == 1
    assert reason in capsys.readouterr().out


def _ask(folder: Path, url: str, start: int, told: Any) -> None:
    os.environ["OPENAI_API_KEY"] = OpenAIModelsDouble.key
    settings = OpenAIModelSettings(provider="openai", model=BASE, base_url=f"{url}/v1")
    provider = OpenAIProvider(settings, "cpu", permission(folder, "openai", concurrency=2))
    names = [f"name {number}" for number in range(24)]
    asked = [question(name) for name in (*names[start:], *names[:start])]
    told.put(provider.answers(None, asked, request()))


def test_processes_share_what_each_of_them_asks(tmp_path: Path) -> None:
    told = SPAWN.Queue()
    with serving(OpenAIModelsHandler, OpenAIModelsDouble()) as double:
        jobs = [
            SPAWN.Process(target=_ask, args=(tmp_path, double.url, 8 * number, told))
            for number in range(3)
        ]
        for job in jobs:
            job.start()
        found = [told.get(timeout=120) for _ in jobs]
        for job in jobs:
            job.join()
        assert (
            sorted(map(str, found[0])) == sorted(map(str, found[1])) == sorted(map(str, found[2]))
        )
        assert isinstance(double, OpenAIModelsDouble)
        assert list(double.asked.values()) == [1] * 24


def test_requests_are_spread_over_the_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("llmseqrec.services.pool.time.monotonic", lambda: 100.0)
    monkeypatch.setattr("llmseqrec.services.pool.time.sleep", slept.append)
    paced, free = Pace(30), Pace()
    for pace in (paced, paced, paced, free, free):
        pace.wait()
    assert slept == [0, 2, 4, 0, 0]
