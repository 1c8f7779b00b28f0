"""BERT4Rec (Sun et al. 2019) as the study builds it.

Deviations of the study from the paper, kept at both fidelity levels:
    * Neither layer norm nor dropout on the sum of item and position vectors.
    * Scores have no bias of their own for each item; attention weights have no dropout.
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


class BERT4RecLayer(nn.Module):
    """LN(x + Dropout(Attention(x))), then LN(x + Dropout(FeedForward(x)))."""

    def __init__(self, dim: int, shape: TransformerShape, draw: DrawKernel) -> None:
        super().__init__()
        self.attention = Attention(dim, shape.heads, draw)
        self.attention_norm = nn.LayerNorm(dim, eps=NORM_EPSILON)
        self.feed_forward = FeedForward(dim, 4 * dim, F.gelu, draw)
        self.feed_forward_norm = nn.LayerNorm(dim, eps=NORM_EPSILON)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, views: Sequence[View]) -> Tensor:
        """(positions, dim) -> (positions, dim)."""
        x = self.attention_norm(x + self.dropout(self.attention(x, views)))
        output: Tensor = self.feed_forward_norm(x + self.dropout(self.feed_forward(x)))
        return output


class BERT4Rec(SequenceNetwork):
    """Self-attention in both directions; masked positions predict their own item.

    Args:
        item_table: item vectors; they set the width. The last row is the mask token.
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
        self.layers = nn.ModuleList(BERT4RecLayer(dim, shape, draw) for _ in range(shape.layers))
        activation = head_activation(F.gelu, shape.linear_head)
        self.head = ProjectionHead((dim, dim), activation, rng)

    def encode(self, blocks: Sequence[Tensor]) -> Tensor:
        """(rows, columns) each -> (positions, dim); at "standard", zero at padding."""
        views = views_of(blocks, causal=False, fidelity=self.fidelity)
        inputs, columns = pack(blocks), columns_of(blocks, len(self.positions))
        x = self.item_table(inputs) + F.embedding(columns, self.positions)  # (positions, dim)
        for layer in self.layers:
            x = layer(x, views)
        return x if self.fidelity == "reference" else zero_padding(x, inputs)
