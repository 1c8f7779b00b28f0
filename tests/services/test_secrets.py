"""Keys in messages and in addresses."""

import pytest

from llmseqrec.errors import InputError
from llmseqrec.services.secrets import (
    key_from_environment,
    without_credentials,
    without_secrets,
)


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-abcdefgh12345678.",
        "header b'Bearer something-odd' refused",
        "token ya29.a0AfH6SMBx",
        "the key my own secret was wrong",
    ],
)
def test_secrets_are_hidden(text: str) -> None:
    hidden = without_secrets(text, ["my own secret", None])
    assert "[hidden]" in hidden
    for secret in ("abcdefgh", "something-odd", "a0AfH6SMBx", "my own secret"):
        assert secret not in hidden


def test_ordinary_text_is_left_alone() -> None:
    text = "RateLimitError: Error code: 429 - risk-adjusted limits of model text-embedding-3-small"
    assert without_secrets(text, ["a", ""]) == text


def test_addresses_are_kept_without_credentials() -> None:
    assert without_credentials("https://host:8000/v1/", "base_url") == "https://host:8000/v1"
    with pytest.raises(InputError, match=r"^base_url: an address with a user name") as caught:
        without_credentials("https://user:secret@host/v1", "base_url")
    assert "secret" not in str(caught.value)


def test_a_key_is_read_without_blanks_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", " abc\n")
    assert key_from_environment("SOME_KEY") == "abc"
    monkeypatch.setenv("SOME_KEY", "")
    assert key_from_environment("SOME_KEY") is None
