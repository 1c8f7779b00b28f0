"""Keys come from the environment alone and never reach a message."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from llmseqrec.errors import InputError

_HIDDEN = "[hidden]"
_SHORTEST = 4  # characters; shorter values would hide ordinary text
# Bearer tokens and keys of the shapes that services give out, whoever they belong to.
_SHAPES = re.compile(r"\b(?:sk-[\w*-]{8,}|AIza[\w-]{20,}|ya29\.[\w.-]+)|(?<=Bearer )[^\s'\"]+")


def key_from_environment(name: str) -> str | None:
    """The value of a variable, without blanks around it; None where it is unset or empty.

    Raises:
        InputError: no header could carry it; a client would say so with the value in its message.
    """
    value = os.environ.get(name, "").strip()
    if not value.isascii() or not value.isprintable() or " " in value:
        raise InputError(f"{name}: holds blanks, line breaks or characters beyond ASCII")
    return value or None


def without_secrets(text: str, secrets: Iterable[str | None]) -> str:
    """The text with every secret, and whatever looks like one, hidden."""
    for secret in secrets:
        if secret and len(secret) >= _SHORTEST:
            text = text.replace(secret, _HIDDEN)
    return _SHAPES.sub(_HIDDEN, text)


def without_credentials(url: str, where: str) -> str:
    """The address, which is written beside results.

    Raises:
        InputError: it holds a user name or password.
    """
    if "@" in urlsplit(url).netloc:
        raise InputError(f"{where}: an address with a user name or password is not taken")
    return url.rstrip("/")
