"""What the training benchmarks compare with: SASRec and BERT4Rec trained by a plain PyTorch loop.

The same networks as llmseqrec's, written the usual way: single precision, left-padded batches of
all N columns, the encoder over every column, scores of all items at the scored positions only,
`cross_entropy`, AdamW as it comes. It uses nothing of llmseqrec.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

COPIES = 11  # BERT4Rec rows a session: the last item masked once, random ones ten times


@dataclass(frozen=True)
class Shape:
    """Width, layers, heads, dropout and length of a network, and whether it is a BERT4Rec."""

    dim: int
    layers: int
    heads: int
    dropout: float
    length: int = 20
    bert: bool = False


class Block(nn.Module):
    """A transformer layer: norms first for SASRec, after for BERT4Rec."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        dim, inner = shape.dim, shape.dim * (4 if shape.bert else 1)
        self.bert = shape.bert
        self.attention = nn.MultiheadAttention(dim, shape.heads, batch_first=True)
        self.feed_forward = nn.Sequential(
            nn.Linear(dim, inner), nn.GELU() if shape.bert else nn.ReLU(), nn.Linear(inner, dim)
        )
        self.norms = nn.ModuleList([nn.LayerNorm(dim), nn.LayerNorm(dim)])
        self.dropout = nn.Dropout(shape.dropout)

    def attend(self, x: Tensor, mask: Tensor | None) -> Tensor:
        return self.attention(x, x, x, attn_mask=mask, need_weights=False)[0]

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        if self.bert:
            x = self.norms[0](x + self.dropout(self.attend(x, mask)))
            return self.norms[1](x + self.dropout(self.feed_forward(x)))
        x = x + self.dropout(self.attend(self.norms[0](x), mask))
        return x + self.dropout(self.feed_forward(self.norms[1](x)))


class Network(nn.Module):
    """Item and position vectors, layers, a dense layer; scores against the item vectors."""

    def __init__(self, n_items: int, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.items = nn.Embedding(n_items + 1, shape.dim)
        self.positions = nn.Parameter(torch.empty(shape.length, shape.dim))
        for table in (self.items.weight, self.positions):
            nn.init.uniform_(table, -0.05, 0.05)
        self.dropout = nn.Dropout(0.0 if shape.bert else shape.dropout)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.head = nn.Linear(shape.dim, shape.dim)

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, length) -> (batch, length, dim)."""
        length = inputs.shape[1]
        later = None
        if not self.shape.bert:
            later = torch.ones(length, length, dtype=torch.bool).triu(1)
        x = self.dropout(self.items(inputs) + self.positions)
        for block in self.blocks:
            x = block(x, later)
        projected = self.head(x)
        return functional.gelu(projected) if self.shape.bert else projected.relu()

    def scores(self, hidden: Tensor) -> Tensor:
        """(..., dim) -> (..., n_items)."""
        return hidden @ self.items.weight[:-1].T


def padded(sessions: list[np.ndarray], length: int, padding: int) -> Tensor:
    """The last items of each session, (n, length), padded on the left."""
    rows = np.full((len(sessions), length), padding, dtype=np.int64)
    for row, items in zip(rows, sessions, strict=True):
        kept = items[-length:]
        row[length - len(kept) :] = kept
    return torch.from_numpy(rows)


class PlainLoop:
    """A network, its optimiser and its data."""

    def __init__(
        self, sessions: list[np.ndarray], n_items: int, shape: Shape, setting: dict[str, float]
    ) -> None:
        self.mask = n_items
        self.mask_prob = setting.get("mask_prob", 0.0)
        self.batch_size = int(setting["batch_size"])
        self.network = Network(n_items, shape)
        self.rows = padded(sessions, shape.length + (not shape.bert), self.mask)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=setting["lr"], weight_decay=setting["weight_decay"]
        )

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        copies = COPIES if self.network.shape.bert else 1
        return -(-len(self.rows) * copies // self.batch_size)

    def batches(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Inputs, targets and which positions are scored, for an epoch."""
        if not self.network.shape.bert:
            for rows in torch.randperm(len(self.rows)).split(self.batch_size):
                items = self.rows[rows]
                yield items[:, :-1], items[:, 1:], items[:, :-1] != self.mask
            return
        for numbers in torch.randperm(len(self.rows) * COPIES).split(self.batch_size):
            items = self.rows[numbers // COPIES]
            hidden = torch.rand(items.shape) < self.mask_prob
            last_only = numbers % COPIES == 0
            hidden[last_only] = False
            hidden[last_only, -1] = True
            hidden &= items != self.mask
            yield items.masked_fill(hidden, self.mask), items, hidden

    def step(self, batch: tuple[Tensor, Tensor, Tensor]) -> float:
        """One step of the optimiser."""
        inputs, targets, scored = batch
        self.optimizer.zero_grad()
        hidden = self.network(inputs)
        loss = functional.cross_entropy(self.network.scores(hidden[scored]), targets[scored])
        loss.backward()
        self.optimizer.step()
        return loss.item()
