"""The item vectors a network reads and is scored against."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

TABLE_BOUND = 0.05  # Keras: uniform(-0.05, 0.05)


def random_vectors(n_rows: int, dim: int, generator: torch.Generator) -> Tensor:
    """Vectors of a fresh table, (n_rows, dim), as Keras draws them."""
    return torch.empty(n_rows, dim).uniform_(-TABLE_BOUND, TABLE_BOUND, generator=generator)


class ItemTable(nn.Module):
    """Trainable item vectors, tied between the input and the scores.

    Other ways of having item vectors subclass this and replace `vectors`; networks, losses and
    scoring use nothing else of it.

    Args:
        initial: (n_items + 1, dim) starting vectors; the last row is the mask token.
    """

    def __init__(self, initial: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(initial.clone())

    @classmethod
    def random(cls, n_items: int, dim: int, generator: torch.Generator) -> ItemTable:
        """A table of random vectors."""
        return cls(random_vectors(n_items + 1, dim, generator))

    @property
    def n_items(self) -> int:
        """Number of items; also the id of the mask token."""
        return self.weight.shape[0] - 1

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self.weight.shape[1]

    def vectors(self) -> Tensor:
        """All vectors, (n_items + 1, dim)."""
        return self.weight

    def forward(self, ids: Tensor) -> Tensor:
        """Vectors of item ids; padding gets the mask token's, as in the study's code.

        Args:
            ids: (...) item ids, n_items for the mask token, negative for padding.
        """
        rows = torch.where(ids < 0, self.n_items, ids)
        return F.embedding(rows, self.vectors())  # (..., dim)
