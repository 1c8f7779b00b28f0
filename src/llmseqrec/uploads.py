"""Which texts may leave this machine, and for how much money."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from llmseqrec.config import Config, Services
from llmseqrec.errors import InputError


@dataclass(frozen=True)
class Permission:
    """What may be done with the texts of one dataset; by default nothing.

    Attributes:
        dataset: its name; empty where the texts belong to none, as those of `predict` do.
        allow_upload: providers that its texts may be sent to.
        max_usd: what the whole project may spend; None: no limit.
        services: where cache, ledger and prices lie, and how requests are made.
    """

    dataset: str = ""
    allow_upload: Collection[str] = ()
    max_usd: float | None = None
    services: Services = field(default_factory=Services)

    @classmethod
    def of(cls, config: Config, dataset: str) -> Permission:
        """The permission of a dataset of a configuration."""
        allowed = config.datasets[dataset].allow_upload
        return cls(dataset, allowed, config.max_usd, config.services)

    def check_upload(self, provider: str) -> None:
        """Stop before anything is sent to a provider that the dataset does not name.

        Raises:
            InputError: naming dataset and provider.
        """
        problem = upload_problem(self.dataset, provider, self.allow_upload)
        if problem:
            raise InputError(f"datasets.{self.dataset}: {problem}" if self.dataset else problem)


def upload_problem(dataset: str, provider: str, allowed: Collection[str]) -> str | None:
    """Why texts of a dataset may not go to a provider, or None.

    Args:
        dataset: its name in the configuration; empty for texts that belong to none.
        provider: the registered name.
        allowed: `allow_upload` of the dataset.
    """
    if provider in allowed:
        return None
    return f"texts of {dataset or 'no dataset'} may not be sent to {provider} (allow_upload)"
