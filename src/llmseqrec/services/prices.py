"""What services charge, from a dated file; what the file does not tell is unknown."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from pydantic import Field, ValidationError

from llmseqrec.config_base import Strict, first_problem
from llmseqrec.errors import InputError
from llmseqrec.yaml_files import read_yaml

_DATE = re.compile(r"-20\d\d-\d\d-\d\d$")


class Rates(Strict):
    """What a million tokens cost."""

    usd_per_million: float | None = Field(None, ge=0, description="USD for a million input tokens.")
    output_usd_per_million: float | None = Field(None, ge=0, description="Of answers.")
    batch_usd_per_million: float | None = Field(None, ge=0, description="By the Batch API.")
    batch_output_usd_per_million: float | None = Field(None, ge=0, description="Answers by it.")

    def of(self, batch: bool) -> tuple[float | None, float | None]:
        """USD for a million tokens of questions, and of answers."""
        if batch:
            return self.batch_usd_per_million, self.batch_output_usd_per_million
        return self.usd_per_million, self.output_usd_per_million


class Price(Rates):
    """One model of one provider."""

    training_usd_per_million: float | None = Field(None, ge=0, description="An epoch's tokens.")
    tuned: Rates = Field(Rates(), description="Once it is fine-tuned.")
    retires: date | None = Field(None, description="The first day without the model.")


class Prices(Strict):
    """Prices of every known model, by provider.

    Attributes:
        as_of: the day they were looked up.
    """

    as_of: date
    providers: dict[str, dict[str, Price]] = Field(default_factory=dict)

    def usd_per_million(self, provider: str, model: str, batch: bool = False) -> float | None:
        """USD for a million tokens, or None where it is unknown."""
        return self.of(provider, model).of(batch)[0]

    def retired(self, provider: str, model: str) -> date | None:
        """The day since which a model is served no more, or None."""
        day = self.of(provider, model).retires
        return day if day is not None and day <= date.today() else None

    def of(self, provider: str, model: str) -> Price:
        """All that is known of a model; a dated one has the price of its family."""
        known = self.providers.get(provider, {})
        return known.get(model) or known.get(_DATE.sub("", model), Price())


def read_prices(path: Path) -> Prices:
    """Read a file of prices.

    Raises:
        InputError: it is absent, is no YAML, or has other keys.
    """
    try:
        return Prices.model_validate(read_yaml(path, "services.prices"))
    except ValidationError as error:
        raise InputError(f"{path}: {first_problem(error)}") from None


def usd(tokens: float, usd_per_million: float | None) -> float | None:
    """The price of tokens, or None where it is unknown."""
    return None if usd_per_million is None else tokens * usd_per_million / 1e6


def price_text(amount: float | None) -> str:
    """A price for readers."""
    return "price unknown" if amount is None else f"{amount:.4f} USD"
