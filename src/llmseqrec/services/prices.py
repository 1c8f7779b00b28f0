"""What services charge, from a dated file; what the file does not tell is unknown."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from llmseqrec.config_base import Strict, first_problem
from llmseqrec.errors import InputError


class Price(Strict):
    """One model of one provider."""

    usd_per_million: float | None = Field(None, ge=0, description="USD for a million input tokens.")
    batch_usd_per_million: float | None = Field(None, ge=0, description="By the Batch API.")
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
        price = self._of(provider, model)
        return price.batch_usd_per_million if batch else price.usd_per_million

    def retired(self, provider: str, model: str) -> date | None:
        """The day since which a model is served no more, or None."""
        day = self._of(provider, model).retires
        return day if day is not None and day <= date.today() else None

    def _of(self, provider: str, model: str) -> Price:
        return self.providers.get(provider, {}).get(model, Price())


def read_prices(path: Path) -> Prices:
    """Read a file of prices.

    Raises:
        InputError: it is absent, is no YAML, or has other keys.
    """
    try:
        return Prices.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file (services.prices)") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise InputError(f"{path}: {first_problem(error)}") from None


def usd(tokens: float, usd_per_million: float | None) -> float | None:
    """The price of tokens, or None where it is unknown."""
    return None if usd_per_million is None else tokens * usd_per_million / 1e6
