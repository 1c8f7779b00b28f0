"""From hidden states to the vectors that are compared with item vectors; the base of networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from llmseqrec.nn.initialisers import dense, glorot_uniform
from llmseqrec.nn.item_table import ItemTable


class ProjectionHead(nn.Module):
    """One dense layer with an activation, hidden width -> width of the item table (study code).

    Deviation: the study's single scalar added to every score is left out. It cancels in the
    softmax, so that it changes neither probabilities nor gradients nor ranks.
    """

    def __init__(
        self, kernel: tuple[int, int], activation: Callable[[Tensor], Tensor], rng: torch.Generator
    ) -> None:
        super().__init__()
        self.activation = activation
        self.dense = dense(glorot_uniform(*kernel, rng))

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., hidden) -> (..., dim)."""
        return self.activation(self.dense(hidden))


def head_activation(usual: Callable[[Tensor], Tensor], linear: bool) -> Callable[[Tensor], Tensor]:
    """The study's activation, or none.

    A rectified vector reaches one orthant only. A table that is trained turns towards it; frozen
    item vectors cannot.
    """
    return torch.nn.Identity() if linear else usual


class SequenceNetwork(nn.Module, ABC):
    """A network that gives a vector at every position of a row of items.

    Scores of all items at a position are `network(inputs) @ item_table.vectors()[:n_items].T`.
    Where few positions are scored, `head(encode([inputs])[positions])` saves the rest of the head.
    """

    item_table: ItemTable
    head: ProjectionHead

    @abstractmethod
    def encode(self, blocks: Sequence[Tensor]) -> Tensor:
        """Hidden states before the head.

        Args:
            blocks: (rows, columns) item ids each, with padding on the left only, negative; n_items
                is the mask token. Columns are at most the network's length, and are counted from
                the newest.

        Returns:
            (positions, hidden), row by row through one block after the other.
        """

    def forward(self, inputs: Tensor) -> Tensor:
        """Vectors to multiply with the item table, (batch, length) -> (batch, length, dim)."""
        projected: Tensor = self.head(self.encode([inputs]))
        return projected.view(*inputs.shape, -1)
