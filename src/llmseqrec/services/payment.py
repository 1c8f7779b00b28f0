"""Money around one request: reserved before it is sent, settled at what it did cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from llmseqrec.services.ledger import Demand, Ledger
from llmseqrec.services.problems import ServiceError

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Spent:
    """Tokens, and their price or None where it is unknown."""

    tokens: float
    usd: float | None


def total(parts: Sequence[Spent]) -> Spent:
    """Of all tokens, and of all prices where each is known."""
    prices = [part.usd for part in parts if part.usd is not None]
    usd = sum(prices) if len(prices) == len(parts) else None
    return Spent(sum(part.tokens for part in parts), usd)


def pay(
    ledger: Ledger,
    demand: Demand,
    ask: Callable[[], tuple[Answer, Spent]],
    keep: Callable[[Answer], object],
) -> None:
    """Reserve, send, commit, settle.

    Args:
        ledger: the money.
        demand: what the request may cost at most.
        ask: sends it; the answer, and what it did cost.
        keep: checks and commits the answer; it is paid for even where it is unusable.

    Raises:
        InputError: the money is used up.
        ServiceError: there is no answer, or none that can be used.
    """
    entry = ledger.reserve(demand)
    try:
        answer, spent = ask()
    except BaseException as problem:
        # Only a refusal is sure not to be billed.
        billed = not isinstance(problem, ServiceError) or problem.billed
        (ledger.lose if billed else ledger.release)(entry)
        raise
    try:
        keep(answer)
    finally:
        ledger.settle(entry, spent.tokens, spent.usd)
