"""SASRec (Kang and McAuley 2018) as the study builds it.

Deviations of the study from the paper, kept at both fidelity levels:
    * Item vectors are not scaled by sqrt(dim); there is no layer norm after the last layer.
    * Plain pre-norm residuals; attention has an output projection and no dropout on its weights.
    * A dense layer with ReLU (`ProjectionHead`) stands between hidden states and scores.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from llmseqrec.nn.head import ProjectionHead, SequenceNetwork, head_activation
from llmseqrec.nn.initialisers import DrawKernel, draw_kernels
from llmseqrec.nn.item_table import ItemTable, random_vectors
from llmseqrec.nn.layers import (
    NORM_EPSILON,
    Attention,
    FeedForward,
    TransformerShape,
    View,
    columns_of,
    pack,
    views_of,
    zero_padding,
)


class SASRecLayer(nn.Module):
    """x + Dropout(Attention(LN(x))), then x + Dropout(FeedForward(LN(x)))."""

    def __init__(self, dim: int, shape: TransformerShape, draw: DrawKernel) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim, eps=NORM_EPSILON)
        self.attention = Attention(dim, shape.heads, draw)
        self.feed_forward_norm = nn.LayerNorm(dim, eps=NORM_EPSILON)
        self.feed_forward = FeedForward(dim, dim, F.relu, draw)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, views: Sequence[View]) -> Tensor:
        """(positions, dim) -> (positions, dim)."""
        x = x + self.dropout(self.attention(self.attention_norm(x), views))
        output: Tensor = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return output


class SASRec(SequenceNetwork):
    """Causal self-attention over the session; each position predicts the next item.

    Args:
        item_table: item vectors; they set the width.
        shape: settings.
        rng: of the starting values.
    """

    def __init__(
        self, item_table: ItemTable, shape: TransformerShape, rng: torch.Generator
    ) -> None:
        super().__init__()
        dim, draw = item_table.dim, draw_kernels(shape.fidelity, rng)
        self.fidelity = shape.fidelity
        self.item_table = item_table
        self.positions = nn.Parameter(random_vectors(shape.max_length, dim, rng))
        self.dropout = nn.Dropout(shape.dropout)
        self.layers = nn.ModuleList(SASRecLayer(dim, shape, draw) for _ in range(shape.layers))
        activation = head_activation(F.relu, shape.linear_head)
        self.head = ProjectionHead((dim, dim), activation, rng)

    def encode(self, blocks: Sequence[Tensor]) -> Tensor:
        """(rows, columns) each -> (positions, dim); at "standard", zero at padding."""
        views = views_of(blocks, causal=True, fidelity=self.fidelity)
        inputs, columns = pack(blocks), columns_of(blocks, len(self.positions))
        x = self.item_table(inputs) + F.embedding(columns, self.positions)
        x = self.dropout(x)  # (positions, dim)
        for layer in self.layers:
            x = layer(x, views)
        return x if self.fidelity == "reference" else zero_padding(x, inputs)
