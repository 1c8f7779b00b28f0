"""Prices: dated, and unknown where nobody has written them down."""

from datetime import date
from pathlib import Path

import pytest

from llmseqrec.errors import InputError
from llmseqrec.services.prices import read_prices, usd
from tests.conftest import ROOT


def test_the_shipped_file_knows_the_default_models() -> None:
    prices = read_prices(ROOT / "config" / "prices.yaml")
    assert prices.as_of <= date.today()
    assert prices.usd_per_million("openai", "text-embedding-3-small") == 0.02
    assert prices.usd_per_million("openai", "text-embedding-3-small", batch=True) == 0.01
    assert prices.usd_per_million("openai", "text-embedding-ada-002", batch=True) is None
    assert prices.usd_per_million("openai", "unheard-of") is None
    assert prices.retired("vertex", "textembedding-gecko@001") == date(2025, 5, 24)
    assert prices.retired("openai", "text-embedding-ada-002") is None


def test_language_models_have_prices_of_their_own_once_they_are_tuned() -> None:
    prices = read_prices(ROOT / "config" / "prices.yaml")
    price = prices.of("openai", "gpt-4o-mini-2024-07-18")  # a dated one has its family's
    assert price.training_usd_per_million == 3.0
    assert price.of(batch=False) == (0.15, 0.60)
    assert price.tuned.of(batch=False) == (0.30, 1.20)
    assert price.tuned.of(batch=True) == (0.15, 0.60)
    assert prices.of("openai", "gpt-6-luna").tuned.of(batch=False) == (None, None)
    assert prices.retired("openai", "gpt-3.5-turbo-1106") == date(2026, 9, 28)
    assert prices.retired("openai", "gpt-4.1-nano-2025-04-14") == date(2026, 10, 23)
    assert prices.retired("openai", "gpt-4o-mini-2024-07-18") is None


def test_a_price_is_of_a_million_tokens() -> None:
    assert usd(235_413, 0.10) == pytest.approx(0.0235413)
    assert usd(1, None) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, r"no such file \(services\.prices\)"),
        ("as_of: [", "not valid YAML"),
        ("as_of: 2026-11-20\nprices: {}", "prices: unknown key"),
        ("providers: {}", "as_of: required key is missing"),
    ],
)
def test_another_file_is_refused_in_one_line(tmp_path: Path, text: str | None, reason: str) -> None:
    path = tmp_path / "p.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=rf"p\.yaml: {reason}") as caught:
        read_prices(path)
    assert "\n" not in str(caught.value)
