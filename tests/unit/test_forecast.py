"""`llmseqrec plan`: money, uploads, hours and memory, before anything runs."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import yaml

from llmseqrec.__main__ import main
from llmseqrec.config import Embedding, parse_config
from llmseqrec.contracts import ITEMS, write_table
from llmseqrec.embeddings.openai import OpenAIEmbeddings
from llmseqrec.errors import InputError
from llmseqrec.plan import Plan
from llmseqrec.services.cache import Paid, VectorCache
from tests.conftest import ROOT, tiny_content
from tests.services.test_cache import vector_of

SIM = {"display": "Sim", "model": "llm_seq_sim", "embedding": "small"}
TITLES = ["red lipstick", "argan oil", "", "red lipstick", "soap"]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdef")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def content_of(folder: Path, **embedding: Any) -> dict[str, Any]:
    """A configuration with one paid embedding, whose items are prepared."""
    (folder / "raw").mkdir()
    (folder / "raw" / "rows.csv").touch()
    content = tiny_content(folder / "raw")
    content["datasets"]["tiny"]["allow_upload"] = ["openai"]
    content["embeddings"] = {"small": {"provider": "openai"} | embedding}
    content["runs"]["sim"] = SIM
    content["experiments"][0]["runs"].append("sim")
    content["services"] = {
        "cache": str(folder / "cache.sqlite"),
        "ledger": str(folder / "ledger.sqlite"),
        "prices": str(ROOT / "config" / "prices.yaml"),
    }
    ids = range(len(TITLES))
    items = pd.DataFrame({"item_id": ids, "source_id": [f"i{n}" for n in ids], "title": TITLES})
    write_table(items, folder / "results" / "tiny" / "items.parquet", ITEMS)
    return content


def printed(folder: Path, content: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    (folder / "c.yaml").write_text(yaml.safe_dump(content))
    arguments = ["plan", str(folder / "c.yaml"), "--results", str(folder / "results")]
    assert main([*arguments, "--benchmarks", str(folder / "logs")]) == 0
    return capsys.readouterr().out


Printed = pytest.CaptureFixture[str]


def test_texts_tokens_requests_and_money(tmp_path: Path, capsys: Printed) -> None:
    content = content_of(tmp_path, batch_size=2)
    out = printed(tmp_path, content | {"max_usd": 2.5}, capsys)
    assert "small of tiny: openai text-embedding-3-small: 3 texts to send, 0 in the cache," in out
    assert "9 tokens, 2 requests, 0.0000 USD" in out  # 4 + 3 + 2 of a third of the bytes
    assert "sent to https://api.openai.com/v1, such as 'red lipstick'" in out
    assert "limit 2.5 USD" in out
    assert not (tmp_path / "cache.sqlite").exists()


def test_what_is_in_the_cache_costs_nothing(tmp_path: Path, capsys: Printed) -> None:
    content = content_of(tmp_path)
    source = OpenAIEmbeddings.source_of(Embedding(provider="openai"))
    paid = {title: Paid(vector_of(title)) for title in ("red lipstick", "soap")}
    VectorCache(tmp_path / "cache.sqlite").add(source, paid)
    assert "1 texts to send, 2 in the cache, 3 tokens, 1 requests" in printed(
        tmp_path, content, capsys
    )


def test_an_unknown_price_stays_unknown(tmp_path: Path, capsys: Printed) -> None:
    out = printed(tmp_path, content_of(tmp_path, model="a-new-model"), capsys)
    assert "1 requests, price unknown" in out
    assert "together: unknown" in out


def test_items_that_are_not_prepared_are_unknown(tmp_path: Path, capsys: Printed) -> None:
    content = content_of(tmp_path)
    (tmp_path / "results" / "tiny" / "items.parquet").unlink()
    assert "unknown, the items are not prepared yet" in printed(tmp_path, content, capsys)


def test_nothing_is_sent_without_leave(tmp_path: Path, capsys: Printed) -> None:
    content = content_of(tmp_path)
    content["datasets"]["tiny"]["allow_upload"] = []
    out = printed(tmp_path, content, capsys)
    reason = "texts of tiny may not be sent to openai (allow_upload)"
    assert f"nothing is sent: {reason}" in out
    assert f"not run\n  {reason}: sim (tiny, temporal)" in out
    assert "sent to https" not in out


def test_local_vectors_send_nothing(tmp_path: Path, capsys: Printed) -> None:
    content = content_of(tmp_path)
    content["experiments"][0]["runs"].remove("sim")
    assert "no text leaves this machine" in printed(tmp_path, content, capsys)


def test_hours_and_memory_are_those_of_earlier_jobs(tmp_path: Path, capsys: Printed) -> None:
    content = content_of(tmp_path)
    folder = tmp_path / "logs" / "train_model"
    folder.mkdir(parents=True)
    for run, seconds in (("most_popular", 1800), ("v_sknn", 5400)):
        row = f"s\tmax_rss\n{seconds}\t2048.0\n"
        (folder / f"tiny.temporal.full.{run}.seed1.tsv").write_text(row)
    out = printed(tmp_path, content, capsys)
    assert "train_model: 3 jobs, 2.00 h, 2.0 GiB, 1 unknown" in out
    assert "recommend: 3 jobs, unknown" in out


def reason_of(content: dict[str, Any]) -> str | None:
    plan = Plan(parse_config(content), ROOT)
    return plan.not_run.get(("tiny", "temporal", "sim"))


def test_a_run_without_a_key_is_not_run_unless_there_are_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = content_of(tmp_path)
    assert reason_of(content) is None
    monkeypatch.delenv("OPENAI_API_KEY")
    assert reason_of(content) == "no OPENAI_API_KEY"
    content["embeddings"]["small"]["base_url"] = "http://127.0.0.1:9/v1"
    assert reason_of(content) is None  # a server elsewhere may want none
    del content["embeddings"]["small"]["base_url"]
    source = OpenAIEmbeddings.source_of(Embedding(provider="openai"))
    VectorCache(tmp_path / "cache.sqlite").add(source, {"soap": Paid(vector_of("soap"))})
    assert reason_of(content) is None


def test_another_way_to_the_same_vectors_reruns_nothing(tmp_path: Path) -> None:
    found = []
    for number, keys in enumerate(({}, {"batch": True}, {"dimensions": 5})):
        folder = tmp_path / str(number)
        folder.mkdir()
        plan = Plan(parse_config(content_of(folder, **keys)), ROOT)
        job = SimpleNamespace(dataset="tiny", embedding="small", run="sim")
        found.append((plan.embedding_params(job), plan.run_params(job)))
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_a_strict_configuration_stops_at_a_forbidden_upload(tmp_path: Path) -> None:
    content = content_of(tmp_path) | {"strict": True}
    content["datasets"]["tiny"]["allow_upload"] = ["vertex"]
    with pytest.raises(InputError, match="strict: sim on tiny, temporal cannot run: texts of tiny"):
        reason_of(content)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"provider": "openai", "pooling": "mean"}, "pooling does nothing for provider openai"),
        ({"batch": True}, "batch does nothing for provider sentence_transformers"),
        ({"provider": "vertex", "batch": True}, "batch does nothing for provider vertex"),
        ({"provider": "openai", "base_url": "https://u:p@h"}, "user name or password"),
        ({"provider": "openai", "api_key": "sk-x"}, "unknown key"),
        (
            {"provider": "openai", "model": "text-embedding-ada-002", "dimensions": 256},
            "text-embedding-ada-002 has 1536",
        ),
    ],
)
def test_keys_that_mean_nothing_are_refused(
    tmp_path: Path, keys: dict[str, Any], reason: str
) -> None:
    content = content_of(tmp_path)
    content["embeddings"]["small"] = keys
    with pytest.raises(InputError, match=reason) as caught:
        parse_config(content)
    assert "sk-x" not in str(caught.value)


def test_only_providers_that_send_can_be_allowed(tmp_path: Path) -> None:
    content = content_of(tmp_path)
    content["datasets"]["tiny"]["allow_upload"] = ["sentence_transformers"]
    with pytest.raises(InputError, match="unknown uploading provider 'sentence_transformers'"):
        parse_config(content)
