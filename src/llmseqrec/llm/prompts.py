"""What is sent to a model, and what it is trained to answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

# Tokens that the chat format adds (study code, after OpenAI's own count).
_TOKENS_A_MESSAGE = 3
_TOKENS_OF_THE_REPLY = 3

Tokenize = Callable[[str], Sequence[Any]]


@dataclass(frozen=True)
class Prompt:
    """One question to a model.

    Attributes:
        system: what is asked; empty where the text says nothing of it.
        user: the data.
        glue: between both where they are one text.
        chat: whether it is meant as messages.
        stop: text before which an answer ends.
    """

    system: str
    user: str
    glue: str
    chat: bool
    stop: str | None

    @property
    def text(self) -> str:
        """The question as one text to be continued."""
        return f"{self.system}{self.glue}{self.user}" if self.system else self.user

    def messages(self, answer: str | None = None) -> list[dict[str, str]]:
        """The question as chat messages, with the answer for training."""
        parts = [("system", self.system), ("user", self.user), ("assistant", answer)]
        return [{"role": role, "content": text} for role, text in parts if text]


@dataclass(frozen=True)
class Example:
    """A question and the answer that is trained."""

    prompt: Prompt
    answer: str

    def count_tokens(self, tokenize: Tokenize) -> int:
        """Tokens of the whole example; of messages with what the chat format adds to them."""
        if not self.prompt.chat:
            return len(tokenize(self.prompt.text)) + len(tokenize(self.answer))
        messages = self.prompt.messages(self.answer)
        texts = [text for message in messages for text in message.values()]
        written = sum(len(tokenize(text)) for text in texts)
        return written + _TOKENS_A_MESSAGE * len(messages) + _TOKENS_OF_THE_REPLY
