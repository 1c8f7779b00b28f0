"""GRU4Rec (Hidasi et al. 2016) as the study builds it.

Deviations of the study from the paper, kept at both fidelity levels:
    * Full softmax over all items, no session-parallel batches, no sampled ranking loss.
    * A dense layer with ReLU (`ProjectionHead`) and one item table for input and scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from llmseqrec.nn.head import ProjectionHead, SequenceNetwork, head_activation
from llmseqrec.nn.initialisers import Fidelity, glorot_uniform
from llmseqrec.nn.item_table import ItemTable
from llmseqrec.nn.layers import zero_padding


@dataclass(frozen=True)
class GRUShape:
    """Settings of GRU4Rec.

    Attributes:
        hidden: width of the state.
        dropout: drop rate.
        fidelity: "reference" feeds padding as mask tokens; "standard" skips it.
        linear_head: no activation before the scores.
    """

    hidden: int = 100
    dropout: float = 0.2
    fidelity: Fidelity = "standard"
    linear_head: bool = False


class GRU(nn.Module):
    """One layer of gated recurrent units, all states.

    The parameters are `nn.GRU`'s, but for its two biases, which are the rows of one: as one
    variable they are clipped together, as Keras' are.
    """

    def __init__(self, dim: int, hidden: int, rng: torch.Generator) -> None:
        super().__init__()
        self.kernel = nn.Parameter(glorot_uniform(dim, 3 * hidden, rng).T.contiguous())
        recurrent = nn.init.orthogonal_(torch.empty(3 * hidden, hidden), generator=rng)
        self.recurrent_kernel = nn.Parameter(recurrent)
        self.bias = nn.Parameter(torch.zeros(2, 3 * hidden))  # input, recurrent

    def forward(self, x: Tensor) -> Tensor:
        """(batch, length, dim) -> (batch, length, hidden), from a state of zero."""
        start = x.new_zeros(1, x.shape[0], self.recurrent_kernel.shape[1])
        weights = [self.kernel, self.recurrent_kernel, *self.bias]
        # has_biases, layers, dropout, training, bidirectional, batch_first
        states, _ = torch.gru(x, start, weights, True, 1, 0.0, self.training, False, True)
        return states


class GRU4Rec(SequenceNetwork):
    """A recurrent state over the session; each position predicts the next item.

    Args:
        item_table: item vectors.
        shape: settings.
        rng: of the starting values.
    """

    def __init__(self, item_table: ItemTable, shape: GRUShape, rng: torch.Generator) -> None:
        super().__init__()
        self.fidelity = shape.fidelity
        self.item_table = item_table
        self.dropout = nn.Dropout(shape.dropout)
        self.gru = GRU(item_table.dim, shape.hidden, rng)
        activation = head_activation(F.relu, shape.linear_head)
        self.head = ProjectionHead((shape.hidden, item_table.dim), activation, rng)

    def encode(self, blocks: Sequence[Tensor]) -> Tensor:
        """(rows, columns) each -> (positions, hidden); at "standard", zero at padding."""
        return torch.cat([self._encode(block).flatten(0, 1) for block in blocks])

    def _encode(self, inputs: Tensor) -> Tensor:
        """(rows, columns) -> (rows, columns, hidden)."""
        if self.fidelity == "reference":
            return self._states(inputs)
        # Items first and padding after them: no state has padding before it.
        n_padding = (inputs < 0).sum(dim=1, keepdim=True)  # (batch, 1)
        steps = torch.arange(inputs.shape[1], device=inputs.device)
        states = self._states(inputs.take_along_dim((steps + n_padding) % len(steps), dim=1))
        back = ((steps - n_padding) % len(steps)).unsqueeze(-1)
        return zero_padding(states.take_along_dim(back, dim=1), inputs)

    def _states(self, inputs: Tensor) -> Tensor:
        states: Tensor = self.dropout(self.gru(self.dropout(self.item_table(inputs))))
        return states
