"""The provider `openai`: the real client against a server on this machine."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmseqrec.config import Embedding, Services
from llmseqrec.embeddings.openai import OpenAIEmbeddings
from llmseqrec.errors import InputError
from llmseqrec.services.access import Access
from llmseqrec.uploads import Permission
from tests.conftest import ROOT
from tests.doubles.openai_server import OpenAIDouble, OpenAIHandler
from tests.doubles.server import Handler, drop, refuse, serving, truncate, vector_of

TEXTS = [f"title number {number}" for number in range(10)]
KEY = OpenAIDouble.key


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIDouble]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with serving(OpenAIHandler, OpenAIDouble()) as made:
        yield made


@pytest.fixture
def provider(double: OpenAIDouble, tmp_path: Path) -> Callable[..., OpenAIEmbeddings]:
    """Makes a provider; `money` is max_usd, the rest are keys of the embedding."""

    def make(money: float | None = None, concurrency: int = 1, **keys: Any) -> OpenAIEmbeddings:
        services = Services(
            cache=tmp_path / "cache.sqlite",
            ledger=tmp_path / "ledger.sqlite",
            prices=ROOT / "config" / "prices.yaml",
            concurrency=concurrency,
            attempts=3,
            timeout=20,
        )
        given = {"provider": "openai", "base_url": f"{double.url}/v1", "batch_size": 4} | keys
        permission = Permission("tiny", ["openai"], money, services)
        return OpenAIEmbeddings(Embedding(**given), permission=permission)

    return make


Make = Callable[..., OpenAIEmbeddings]


def expected(texts: list[str], dim: int = 8) -> np.ndarray:
    return np.stack([vector_of(text, dim) for text in texts])


def test_vectors_belong_to_their_texts_whatever_the_order_of_the_answer(
    provider: Make, double: OpenAIDouble
) -> None:
    texts = [TEXTS[3], "", *TEXTS, TEXTS[3], "  "]
    vectors = provider().embed(texts)
    np.testing.assert_array_equal(
        vectors[[0, *range(2, 13)]], expected([TEXTS[3], *TEXTS, TEXTS[3]])
    )
    assert not vectors[[1, 13]].any()
    assert double.answered == dict.fromkeys(TEXTS, 1)
    assert [len(asked["input"]) for asked in double.requests] == [4, 4, 2]
    assert {asked["encoding_format"] for asked in double.requests} == {"base64"}
    assert all("dimensions" not in asked for asked in double.requests)


def test_nothing_is_sent_again(provider: Make, double: OpenAIDouble) -> None:
    first = provider().embed(TEXTS[:5])
    both = provider().embed(TEXTS)
    np.testing.assert_array_equal(both[:5], first)
    assert double.answered == dict.fromkeys(TEXTS, 1)


def test_dimensions_are_asked_for_and_kept_apart(provider: Make, double: OpenAIDouble) -> None:
    assert provider(dimensions=5).embed(TEXTS).shape == (10, 5)
    assert provider().embed(TEXTS).shape == (10, 8)
    assert double.answered == dict.fromkeys(TEXTS, 2)


def test_requests_keep_the_budget_of_tokens(provider: Make, double: OpenAIDouble) -> None:
    long = [f"{number} " + "x" * 24_000 for number in range(30)]
    provider(batch_size=2048).embed(long)
    assert len(double.requests) == 3  # the double refuses more than 300,000


def test_a_text_beyond_the_model_is_refused_before_anything_is_sent(
    provider: Make, double: OpenAIDouble
) -> None:
    with pytest.raises(InputError, match=r"item text 'wordwordword.*the model reads 8192"):
        provider().embed(["a", "word" * 10_000])
    assert not double.received


def test_requests_go_side_by_side_up_to_the_limit(provider: Make, double: OpenAIDouble) -> None:
    double.together = threading.Barrier(3)
    provider(concurrency=3, batch_size=1).embed(TEXTS[:9])
    assert double.most_at_once == 3


@pytest.mark.parametrize(
    "fault",
    [
        refuse(429, "rate_limit_exceeded", retry_after="0"),
        refuse(500, retry_after="0"),
        refuse(503, retry_after_ms="1"),
        refuse(408, retry_after="0"),
        refuse(409, retry_after="0"),
        drop,
        truncate,
    ],
    ids=["429", "500", "503", "408", "409", "drop", "truncated"],
)
def test_what_passes_is_tried_again(
    provider: Make, double: OpenAIDouble, fault: Callable[[Handler], None]
) -> None:
    double.faults = [fault]
    np.testing.assert_array_equal(provider().embed(TEXTS), expected(TEXTS))
    assert double.answered == dict.fromkeys(TEXTS, 1)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (refuse(429, "insufficient_quota", "You exceeded your quota"), "exceeded your quota"),
        (refuse(429, "rate_limit_exceeded", retry_after="600"), "RateLimitError"),
        (refuse(400, None, "too many tokens"), "too many tokens"),
    ],
    ids=["quota", "long wait", "400"],
)
def test_what_does_not_pass_stops_at_once(
    provider: Make, double: OpenAIDouble, fault: Callable[[Handler], None], reason: str
) -> None:
    double.faults = [fault] * 3
    with pytest.raises(InputError, match=rf"^openai text-embedding-3-small: .*{reason}") as caught:
        provider().embed(TEXTS[:4])
    assert "\n" not in str(caught.value)
    assert len(double.faults) == 2
    assert Access(provider().access.permission).ledger.balance().lost == 0


def test_nothing_follows_a_request_that_failed_for_good(
    provider: Make, double: OpenAIDouble
) -> None:
    double.faults = [refuse(429, "insufficient_quota")]
    with pytest.raises(InputError):
        provider(batch_size=1).embed([f"title {number}" for number in range(200)])
    assert len(double.requests) == 1


def test_trying_again_has_an_end(provider: Make, double: OpenAIDouble) -> None:
    double.faults = [refuse(503, retry_after="0")] * 9
    with pytest.raises(InputError, match="InternalServerError"):
        provider().embed(TEXTS[:4])
    assert len(double.faults) == 9 - 3


def test_a_failure_keeps_what_was_answered_before(provider: Make, double: OpenAIDouble) -> None:
    def second_fails(handler: Handler) -> None:
        # Faults come before answers, so the first request gets its answer from here.
        from tests.doubles.openai_server import answer

        asked = double.requests[-1]
        double.answered.update(asked["input"])
        handler.send_json(answer(double, asked))

    double.faults = [second_fails, refuse(400)]
    with pytest.raises(InputError):
        provider().embed(TEXTS)
    vectors = provider().embed(TEXTS)
    np.testing.assert_array_equal(vectors, expected(TEXTS))
    assert double.answered == dict.fromkeys(TEXTS, 1)


def _without_one(made: dict) -> dict:
    return made | {"data": made["data"][1:]}


def _index_twice(made: dict) -> dict:
    return made | {"data": [one | {"index": 0} for one in made["data"]]}


def _zero(made: dict) -> dict:
    return made | {"data": [one | {"embedding": [0.0] * 8} for one in made["data"]]}


def _nan(made: dict) -> dict:
    return made | {"data": [one | {"embedding": [float("nan")] * 8} for one in made["data"]]}


def _narrow(made: dict) -> dict:
    return made | {
        "data": [one | {"embedding": [0.1] * (7 + one["index"])} for one in made["data"]]
    }


def _no_base64(made: dict) -> dict:
    return made | {"data": [one | {"embedding": "%%%"} for one in made["data"]]}


def _other(made: dict) -> dict:
    return {"data": "zzz"}


@pytest.mark.parametrize(
    ("alter", "reason"),
    [
        (_without_one, "3 vectors for 4 texts"),
        (_index_twice, "indexes are not 0 to 3"),
        (_zero, "a vector is zero"),
        (_nan, "NaN or infinity"),
        (_narrow, r"vectors of \[7, 8, 9, 10\] dimensions"),
        (_no_base64, "no base64"),
        (_other, "unusable answer"),
    ],
)
def test_a_wrong_answer_is_refused_and_not_bought_again(
    provider: Make, double: OpenAIDouble, alter: Callable[[dict], dict], reason: str
) -> None:
    double.alter = alter
    with pytest.raises(InputError, match=reason):
        provider().embed(TEXTS[:4])
    assert len(double.requests) == 1
    cache = provider().access.cache
    assert cache.missing(provider().source, TEXTS[:4]) == TEXTS[:4]
    assert cache.claim(provider().source, TEXTS[:4]) == TEXTS[:4]


def test_a_width_that_differs_from_the_cache_is_refused(
    provider: Make, double: OpenAIDouble
) -> None:
    provider().embed(TEXTS[:4])
    double.dim = 9
    with pytest.raises(InputError, match=r"vectors of \[9\] dimensions, 8 expected"):
        provider().embed(TEXTS)


def test_money_is_counted_as_the_service_counts(provider: Make) -> None:
    made = provider(money=1.0)
    made.embed([*TEXTS, TEXTS[0], ""])
    balance = made.access.ledger.balance()
    assert (balance.tokens, balance.lost, balance.reserved) == (30, 0, 0)
    assert balance.spent == pytest.approx(30 * 0.02 / 1e6)
    found = made.cost([*TEXTS, TEXTS[0], ""])
    assert found["texts"] == 10
    assert found["tokens"] == pytest.approx(30)
    assert found["usd"] == pytest.approx(30 * 0.02 / 1e6)


def test_a_request_beyond_the_limit_is_not_sent(provider: Make, double: OpenAIDouble) -> None:
    with pytest.raises(InputError, match="max_usd: 1e-06 would be passed"):
        provider(money=1e-6).embed(TEXTS)
    assert not double.received


def test_a_limit_needs_a_price(provider: Make, double: OpenAIDouble) -> None:
    with pytest.raises(InputError, match=r"max_usd: the price of openai text-embedding-ada-002 is"):
        provider(money=1.0, model="text-embedding-ada-002", batch=True).access.ledger.reserve(
            _demand("text-embedding-ada-002")
        )
    assert not double.received


def _demand(model: str) -> Any:
    from llmseqrec.services.ledger import Demand

    return Demand("openai", model, 1.0, None)


def test_a_lost_answer_counts_as_spent(provider: Make, double: OpenAIDouble) -> None:
    double.faults = [drop]
    made = provider(money=1.0)
    made.embed(TEXTS[:4])
    bound = sum(len(text) for text in TEXTS[:4])
    assert made.access.ledger.balance().lost == pytest.approx(bound * 0.02 / 1e6)


def test_texts_of_a_dataset_that_does_not_allow_it_are_not_sent(
    provider: Make, double: OpenAIDouble
) -> None:
    made = provider()
    closed = Permission("tiny", ["vertex"], None, made.access.services)
    reason = r"^datasets\.tiny: texts of tiny may not be sent to openai \(allow_upload\)$"
    with pytest.raises(InputError, match=reason):
        OpenAIEmbeddings(made.embedding, permission=closed).embed(TEXTS)
    assert not double.received
    made.embed(TEXTS)  # what is in the cache needs no leave
    OpenAIEmbeddings(made.embedding, permission=closed).embed(TEXTS)


def test_by_default_nothing_is_sent(double: OpenAIDouble, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_BASE_URL", f"{double.url}/v1")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "prices.yaml").write_text("as_of: 2026-11-20\n")
    with pytest.raises(InputError, match="texts of no dataset may not be sent to openai"):
        OpenAIEmbeddings(Embedding(provider="openai")).embed(["a"])
    assert not double.received


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("text-embedding-none", "text-embedding-none is not served"),
        ("text-embedding-old", "text-embedding-old was retired on 2026-01-01; name another model"),
    ],
)
def test_a_model_that_is_gone_is_told_before_anything_is_sent(
    provider: Make, double: OpenAIDouble, model: str, reason: str
) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        provider(model=model).embed(TEXTS)
    assert "\n" not in str(caught.value)
    assert not double.received


def test_a_wrong_key_is_told_without_it(
    provider: Make, monkeypatch: pytest.MonkeyPatch, double: OpenAIDouble
) -> None:
    wrong = "another-key-that-is-wrong"
    monkeypatch.setenv("OPENAI_API_KEY", wrong)
    with pytest.raises(InputError, match="OPENAI_API_KEY is not accepted") as caught:
        provider().embed(TEXTS)
    assert wrong not in str(caught.value)
    assert caught.value.__suppress_context__
    assert not double.received


def test_a_key_that_no_header_can_carry_is_told_without_it(
    provider: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret\nsecret")
    with pytest.raises(InputError, match="OPENAI_API_KEY: holds blanks") as caught:
        provider().embed(TEXTS)
    assert "secret" not in str(caught.value)


def test_facts_name_what_decides_the_vectors(provider: Make) -> None:
    found = provider(dimensions=5).fingerprint
    assert found["model"] == "text-embedding-3-small"
    assert (found["provider"], found["dimensions"]) == ("openai", 5)
    assert KEY not in json.dumps(found)
