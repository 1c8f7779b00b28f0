"""What a job needs to spend money: cache, ledger and prices."""

from __future__ import annotations

from dataclasses import dataclass, field

from llmseqrec.config import Services
from llmseqrec.services.cache import VectorCache
from llmseqrec.services.completions import CompletionCache
from llmseqrec.services.ledger import Ledger
from llmseqrec.services.prices import Prices, read_prices
from llmseqrec.uploads import Permission


@dataclass(frozen=True)
class Access:
    """Paid services as one dataset may use them.

    Attributes:
        permission: which texts may be sent, for how much money.
    """

    permission: Permission = field(default_factory=Permission)

    @property
    def services(self) -> Services:
        """How requests are made."""
        return self.permission.services

    @property
    def cache(self) -> VectorCache:
        """The vectors that were paid for."""
        return VectorCache(self.services.cache, self.services.journal_mode)

    @property
    def completions(self) -> CompletionCache:
        """The answers that were paid for."""
        return CompletionCache(self.services.completions, self.services.journal_mode)

    @property
    def ledger(self) -> Ledger:
        """The money."""
        return Ledger(self.services.ledger, self.permission.max_usd, self.services.journal_mode)

    @property
    def prices(self) -> Prices:
        """What services charge.

        Raises:
            InputError: there is no such file.
        """
        return read_prices(self.services.prices)
