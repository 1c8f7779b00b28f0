"""What the Batch API is used for: vectors or answers, each with a buyer of its own."""

from __future__ import annotations

from typing import Any, Protocol

from llmseqrec.services.payment import Spent


class Buyer(Protocol):
    """What is bought: knows its requests, which are JSON, and what becomes of their answers."""

    @property
    def url(self) -> str:
        """The path of the requests, such as /v1/embeddings."""
        ...

    @property
    def model(self) -> str:
        """Who answers."""
        ...

    @property
    def identity(self) -> str:
        """What tells its batches from those of others."""
        ...

    def body(self, request: Any) -> dict[str, Any]:
        """What a request asks for."""
        ...

    def bound(self, request: Any) -> Spent:
        """What a request may cost at most."""
        ...

    def cost(self, body: Any) -> Spent:
        """What an answer, an object, did cost, whether it can be used or not.

        Raises:
            ServiceError: it does not tell.
        """
        ...

    def take(self, request: Any, body: Any) -> None:
        """Check and commit the answer to a request, an object.

        Raises:
            ServiceError: the answer is unusable.
        """
        ...

    def touch(self) -> None:
        """Give a sign of life while the service works."""
        ...
