"""How texts are divided into requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from llmseqrec.errors import InputError
from llmseqrec.services.tokens import estimated_tokens, token_bound


@dataclass(frozen=True)
class Limits:
    """What one request may hold.

    Attributes:
        texts: number of texts.
        tokens: tokens of all texts together.
        text_tokens: tokens of one text.
    """

    texts: int
    tokens: int
    text_tokens: int


def divide(texts: Iterable[str], limits: Limits) -> Iterator[list[str]]:
    """Requests of as many texts, in order, as fit by number and by the bound on their tokens.

    A text whose bound alone is beyond the limit of a request has one to itself.

    Raises:
        InputError: a text is longer than the model reads, by the estimate.
    """
    request: list[str] = []
    tokens = 0
    for text in texts:
        check_length(text, limits)
        bound = token_bound(text)
        if request and (len(request) == limits.texts or tokens + bound > limits.tokens):
            yield request
            request, tokens = [], 0
        request.append(text)
        tokens += bound
    if request:
        yield request


def check_length(text: str, limits: Limits) -> None:
    """Refuse a text that the service would cut or turn down."""
    if estimated_tokens(text) > limits.text_tokens:
        raise InputError(
            f"item text {text[:40]!r}...: about {estimated_tokens(text)} tokens, the model reads"
            f" {limits.text_tokens}; choose a shorter template"
        )
