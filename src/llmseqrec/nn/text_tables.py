"""Item tables that start from, or keep, vectors of item texts (study §3.2; systems beyond it).

The study's LLM2* overwrites a plain `ItemTable` and trains it. The tables here keep the text
vectors as they are and learn beside them: through an adapter (LLM-ESR), a small bounded step ("Let
it go?", RecSys 2025), or the directions the texts leave empty (AlphaFuse, SIGIR 2025).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from llmseqrec.nn.item_table import ItemTable, random_vectors


class AdapterTable(ItemTable):
    """Frozen text vectors through a trained linear map or a small network.

    Args:
        texts: (n_items, text_dim) frozen vectors.
        dim: width of the network.
        hidden: width of the hidden layer; None: a linear map.
        rng: of the starting values.
    """

    texts: Tensor

    def __init__(self, texts: Tensor, dim: int, hidden: int | None, rng: torch.Generator) -> None:
        super().__init__(random_vectors(1, dim, rng))  # the mask token's row alone
        self.register_buffer("texts", texts)
        self.adapter = _adapter(texts.shape[1], hidden, dim, rng)

    @property
    def n_items(self) -> int:
        """Number of items."""
        return self.texts.shape[0]

    def vectors(self) -> Tensor:
        """(n_items + 1, dim)."""
        return torch.cat([self.adapter(self.texts), self.weight])


class BoundedDeltaTable(ItemTable):
    """Text vectors plus a trained step no longer than a share of each vector's norm.

    An item that training never sees keeps its text vector.

    Args:
        initial: (n_items + 1, dim) text vectors and a mask row, which is free.
        share: longest step as a share of the norm.
    """

    base: Tensor
    bound: Tensor

    def __init__(self, initial: Tensor, share: float) -> None:
        super().__init__(initial)
        with torch.no_grad():
            self.weight[:-1] = 0.0
        self.register_buffer("base", initial[:-1].clone())
        self.register_buffer("bound", share * self.base.norm(dim=1, keepdim=True))

    def vectors(self) -> Tensor:
        """(n_items + 1, dim)."""
        delta, mask = self.weight[:-1], self.weight[-1:]
        # clamp keeps the gradient finite where the step is zero
        length = delta.square().sum(dim=1, keepdim=True).clamp(min=1e-24).sqrt()
        return torch.cat([self.base + delta * (self.bound / length).clamp(max=1.0), mask])


class NullSpaceTable(ItemTable):
    """Frozen leading text directions, trained ids in the trailing ones.

    Args:
        initial: (n_items + 1, dim) vectors in principal directions, the leading ones first.
        trained: number of trailing directions that are trained; they start at random.
        rng: of their starting values.
    """

    frozen: Tensor

    def __init__(self, initial: Tensor, trained: int, rng: torch.Generator) -> None:
        super().__init__(random_vectors(len(initial), trained, rng))
        self.register_buffer("frozen", initial[:, : initial.shape[1] - trained].clone())

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self.frozen.shape[1] + self.weight.shape[1]

    def vectors(self) -> Tensor:
        """(n_items + 1, dim)."""
        return torch.cat([self.frozen, self.weight], dim=1)


def _adapter(text_dim: int, hidden: int | None, dim: int, rng: torch.Generator) -> nn.Module:
    if hidden is None:
        return _linear(text_dim, dim, rng)
    return nn.Sequential(_linear(text_dim, hidden, rng), nn.GELU(), _linear(hidden, dim, rng))


def _linear(inputs: int, outputs: int, rng: torch.Generator) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(layer.weight, generator=rng)
    nn.init.zeros_(layer.bias)
    return layer
