"""What SASRec and BERT4Rec are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from llmseqrec.errors import InputError
from llmseqrec.nn.initialisers import DrawKernel, Fidelity, dense

NORM_EPSILON = 1e-5


@dataclass(frozen=True)
class TransformerShape:
    """Settings of a transformer; its width is the item table's.

    Attributes:
        max_length: positions (the study's N).
        layers: transformer layers (L).
        heads: attention heads (h); the width need not be a multiple.
        dropout: drop rate.
        fidelity: "reference" lets padding be seen and shares the starting kernels, as the study's
            code does; "standard" mends both.
        linear_head: no activation before the scores.
    """

    max_length: int = 20
    layers: int = 2
    heads: int = 2
    dropout: float = 0.2
    fidelity: Fidelity = "standard"
    linear_head: bool = False


@dataclass(frozen=True)
class View:
    """A block within packed positions.

    Attributes:
        shape: (rows, columns).
        mask: which key (last axis) a position may see, broadcast to (rows, 1, columns, columns);
            None for all.
    """

    shape: torch.Size
    mask: Tensor | None


def views_of(blocks: Sequence[Tensor], causal: bool, fidelity: Fidelity) -> list[View]:
    """Where blocks of item ids (rows, columns) lie once packed; see `visible_keys`."""
    return [View(block.shape, visible_keys(block, causal, fidelity)) for block in blocks]


def pack(blocks: Sequence[Tensor]) -> Tensor:
    """Item ids of blocks (rows, columns), one after the other, (positions,)."""
    return torch.cat([block.flatten() for block in blocks])


def columns_of(blocks: Sequence[Tensor], max_length: int) -> Tensor:
    """Column of each packed position, (positions,); the newest item's is max_length - 1."""
    newest = torch.arange(max_length, device=blocks[0].device)
    return pack([newest[-block.shape[1] :].expand_as(block) for block in blocks])


class Attention(nn.Module):
    """Multi-head attention as Keras has it: heads of dim // n_heads, biases everywhere.

    A width that is no multiple of n_heads loses the remainder between the projections, which
    `nn.MultiheadAttention` refuses. Attention weights have no dropout.
    """

    def __init__(self, dim: int, n_heads: int, draw: DrawKernel) -> None:
        super().__init__()
        if n_heads > dim:
            raise InputError(f"heads: {n_heads} attention heads need a width of as many, not {dim}")
        heads = (n_heads, dim // n_heads)
        self.heads = heads
        self.query = dense(draw((dim,), heads))
        self.key = dense(draw((dim,), heads))
        self.value = dense(draw((dim,), heads))
        self.output = dense(draw(heads, (dim,)))

    def forward(self, x: Tensor, views: Sequence[View]) -> Tensor:
        """Attend within each row of each block.

        Args:
            x: (positions, dim), those of the blocks one after the other.
            views: where the blocks lie, and who sees whom.

        Returns:
            (positions, dim).
        """
        projections = (self.query, self.key, self.value)  # as one product: fewer, larger kernels
        weight = torch.cat([projection.weight for projection in projections])
        bias = torch.cat([projection.bias for projection in projections])
        sizes = [view.shape.numel() for view in views]
        parts = torch.split(F.linear(x, weight, bias), sizes)
        seen = [self._attend(part, view) for part, view in zip(parts, views, strict=True)]
        output: Tensor = self.output(torch.cat(seen))  # (positions, dim)
        return output

    def _attend(self, part: Tensor, view: View) -> Tensor:
        """Queries, keys and values of a block (positions, 3 x inner) -> (positions, inner)."""
        stacked = part.view(*view.shape, 3, *self.heads)
        query, key, value = stacked.permute(2, 0, 3, 1, 4)  # (rows, heads, columns, size) each
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=view.mask)
        return seen.transpose(1, 2).reshape(len(part), -1)


class FeedForward(nn.Module):
    """Two dense layers, dim -> inner -> dim, the first with an activation."""

    def __init__(
        self, dim: int, inner: int, activation: Callable[[Tensor], Tensor], draw: DrawKernel
    ) -> None:
        super().__init__()
        self.activation = activation
        self.inner = dense(draw((dim,), (inner,)))
        self.outer = dense(draw((inner,), (dim,)))

    def forward(self, x: Tensor) -> Tensor:
        """(..., dim) -> (..., dim)."""
        output: Tensor = self.outer(self.activation(self.inner(x)))
        return output


def visible_keys(inputs: Tensor, causal: bool, fidelity: Fidelity) -> Tensor | None:
    """Which positions each position attends to.

    Args:
        inputs: (batch, length) item ids, negative for padding.
        causal: no position sees a later one.
        fidelity: "reference": padding is visible; "standard": padding sees itself alone, so
            that its softmax is not empty, and nothing else sees it.

    Returns:
        Mask that broadcasts to (batch, 1, length, length), or None where all is visible.
    """
    length = inputs.shape[1]
    full = torch.ones(length, length, dtype=torch.bool, device=inputs.device)
    earlier = full.tril() if causal else full
    if fidelity == "reference":
        return earlier if causal else None
    real = (inputs >= 0)[:, None, None, :]  # (batch, 1, 1, length)
    itself = torch.eye(length, dtype=torch.bool, device=inputs.device)
    return (real & earlier) | itself


def zero_padding(hidden: Tensor, inputs: Tensor) -> Tensor:
    """Hidden states (..., dim) with those of padding, by its ids (...), set to zero."""
    return hidden * (inputs >= 0).unsqueeze(-1)
