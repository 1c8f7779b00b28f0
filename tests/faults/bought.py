"""What was asked of the services while something was disturbed, held against what may be."""

from collections.abc import Mapping
from pathlib import Path

from llmseqrec.services.ledger import Ledger
from tests.doubles.openai_models import OpenAIModelsDouble

IN_FLIGHT = 2  # services.concurrency of the project
ONE_TRAINING = ["files", "files", "jobs"]  # two uploads and one fine-tuning


def nothing_is_bought_twice(services: OpenAIModelsDouble, folder: Path) -> None:
    """But for requests that were in flight; the ledger counts what may have been billed."""
    assert services.steps in ([], ONE_TRAINING)
    repeated = _repeated(services.asked)
    assert sum(repeated.values()) <= IN_FLIGHT
    assert max(services.received.values(), default=1) <= 2  # all texts go in one request
    balance = Ledger(folder / "state" / "ledger.sqlite").balance()
    assert balance.spent + balance.lost + balance.reserved > 0
    assert balance.unpriced == 0


def _repeated(asked: Mapping[str, int]) -> dict[str, int]:
    return {request: times - 1 for request, times in asked.items() if times > 1}
