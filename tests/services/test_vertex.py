"""The provider `vertex`: the real client against a server on this machine."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmseqrec.config import Embedding, Services
from llmseqrec.embeddings.vertex import VertexEmbeddings, VertexService
from llmseqrec.errors import InputError
from llmseqrec.uploads import Permission
from tests.conftest import ROOT
from tests.doubles.server import Double, Handler, drop, serving, truncate, vector_of
from tests.doubles.vertex_server import VertexHandler, refuse

TEXTS = [f"title number {number}" for number in range(10)]
Make = Callable[..., VertexEmbeddings]


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[Double]:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    with serving(VertexHandler, Double()) as made:
        yield made


@pytest.fixture
def provider(double: Double, tmp_path: Path) -> Make:
    def make(**keys: Any) -> VertexEmbeddings:
        services = Services(
            cache=tmp_path / "cache.sqlite",
            ledger=tmp_path / "ledger.sqlite",
            prices=ROOT / "config" / "prices.yaml",
            attempts=3,
            timeout=20,
        )
        given = {"model": "text-embedding-005", "batch_size": 4, "project": "p1"} | keys
        embedding = Embedding(provider="vertex", base_url=double.url, **given)
        return VertexEmbeddings(embedding, permission=Permission("t", ["vertex"], 1.0, services))

    return make


def expected(texts: list[str], width: int = 768) -> np.ndarray:
    return np.stack([vector_of(text, width) for text in texts])


def test_vectors_belong_to_their_texts(provider: Make, double: Double) -> None:
    vectors = provider(task_type="RETRIEVAL_DOCUMENT").embed([*TEXTS, "", TEXTS[0]])
    np.testing.assert_array_equal(vectors[[*range(10), 11]], expected([*TEXTS, TEXTS[0]]))
    assert not vectors[10].any()
    assert double.answered == dict.fromkeys(TEXTS, 1)
    asked = double.requests[0]
    assert sorted(len(one["instances"]) for one in double.requests) == [2, 4, 4]
    assert asked["instances"][0]["task_type"] == "RETRIEVAL_DOCUMENT"
    assert asked["parameters"] == {"autoTruncate": False}
    assert "authorization" not in {name.lower() for name in asked["headers"]}


def test_the_gemini_family_takes_one_text_a_request(provider: Make, double: Double) -> None:
    vectors = provider(model="gemini-embedding-001", dimensions=768).embed(TEXTS)
    np.testing.assert_array_equal(vectors, expected(TEXTS))
    assert [len(asked["instances"]) for asked in double.requests] == [1] * 10
    assert double.requests[0]["parameters"]["outputDimensionality"] == 768


def test_requests_keep_the_limits_of_the_service(provider: Make, double: Double) -> None:
    made = provider(batch_size=10_000)
    made.embed([f"short {number}" for number in range(300)])
    assert sorted(len(asked["instances"]) for asked in double.requests) == [50, 250]
    double.requests.clear()
    made.embed([f"{number} " + "x" * 4_000 for number in range(12)])
    assert len(double.requests) == 3


def test_a_text_that_would_be_cut_is_refused(provider: Make, double: Double) -> None:
    with pytest.raises(InputError, match="the model reads 2048"):
        provider().embed(["word " * 2_000])
    assert not double.received

    def cut(made: dict) -> dict:
        made["predictions"][0]["embeddings"]["statistics"]["truncated"] = True
        return made

    double.alter = cut
    with pytest.raises(InputError, match="a text was cut"):
        provider().embed(TEXTS[:4])


@pytest.mark.parametrize(
    "fault",
    [refuse(429, retry_after="0"), refuse(503, retry_after="0"), drop, truncate],
    ids=["429", "503", "drop", "truncated"],
)
def test_what_passes_is_tried_again(
    provider: Make, double: Double, fault: Callable[[Handler], None]
) -> None:
    double.faults = [fault]
    np.testing.assert_array_equal(provider().embed(TEXTS), expected(TEXTS))
    assert double.answered == dict.fromkeys(TEXTS, 1)


def test_trying_again_has_an_end(provider: Make, double: Double) -> None:
    double.faults = [refuse(429, retry_after="0")] * 9
    with pytest.raises(InputError, match=r"^vertex text-embedding-005: TooManyRequests"):
        provider().embed(TEXTS[:4])
    assert len(double.faults) == 9 - 3


def test_other_refusals_stop_at_once(provider: Make, double: Double) -> None:
    double.faults = [refuse(400, "bad text")] * 2
    with pytest.raises(InputError, match="bad text"):
        provider().embed(TEXTS[:4])
    assert len(double.faults) == 1


def test_a_retired_model_is_told(provider: Make, double: Double) -> None:
    with pytest.raises(InputError, match=r"textembedding-gecko@001 is not served") as caught:
        without_limit(provider(model="textembedding-gecko@001")).embed(TEXTS[:4])
    assert "\n" not in str(caught.value)
    assert not double.answered


def without_limit(made: VertexEmbeddings) -> VertexEmbeddings:
    services = made.access.services
    return VertexEmbeddings(made.embedding, permission=Permission("t", ["vertex"], None, services))


@pytest.mark.parametrize(
    ("alter", "reason"),
    [
        (lambda made: made | {"predictions": made["predictions"][1:]}, "3 vectors for 4 texts"),
        (lambda made: made | {"predictions": [{"values": [1.0]}] * 4}, "KeyError"),
        (lambda made: {"deployedModelId": "1"}, "0 vectors for 4 texts"),
    ],
    ids=["count", "form", "empty"],
)
def test_a_wrong_answer_is_refused(
    provider: Make, double: Double, alter: Callable[[dict], dict], reason: str
) -> None:
    double.alter = alter
    with pytest.raises(InputError, match=reason):
        provider().embed(TEXTS[:4])
    assert len(double.requests) == 1


def test_money_is_counted_as_the_service_counts(provider: Make) -> None:
    made = provider()
    made.embed(TEXTS)
    balance = made.access.ledger.balance()
    assert (balance.tokens, balance.lost, balance.reserved) == (30, 0, 0)
    assert balance.spent == pytest.approx(30 * 0.10 / 1e6)


def test_project_and_credentials_are_asked_for(monkeypatch: Any, tmp_path: Path) -> None:
    for name in ("GOOGLE_CLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setattr("llmseqrec.services.google_client._VENDOR", tmp_path / "none")
    services = Services(cache=tmp_path / "none.sqlite", prices=ROOT / "config" / "prices.yaml")
    embedding = Embedding(provider="vertex")
    need = VertexEmbeddings.unmet_need
    assert need(embedding, services) == "no GOOGLE_CLOUD_PROJECT"
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p1")
    assert "set GOOGLE_APPLICATION_CREDENTIALS" in (need(embedding, services) or "")
    (tmp_path / "application_default_credentials.json").write_text("{}")
    assert need(embedding, services) is None
    gecko = Embedding(provider="vertex", model="textembedding-gecko@001")
    assert (need(gecko, services) or "").startswith(
        "textembedding-gecko@001 was retired on 2025-05-24"
    )
    with pytest.raises(InputError, match=r"^vertex: "):
        VertexService(embedding, services).check_model()
