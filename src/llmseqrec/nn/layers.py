"""What SASRec and BERT4Rec are made of."""

from __future__ import annotations

from collections.abc import Callable
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

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Attend.

        Args:
            x: (batch, length, dim).
            mask: which key (last axis) a position may see, broadcast to (batch, 1, length, length);
                None for all.
        """
        query, key, value = (
            projection(x).unflatten(-1, self.heads).transpose(1, 2)  # (batch, heads, length, size)
            for projection in (self.query, self.key, self.value)
        )
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        output: Tensor = self.output(seen.transpose(1, 2).flatten(2))  # (batch, length, dim)
        return output


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
        """(batch, length, dim) -> (batch, length, dim)."""
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
    """Hidden states (batch, length, dim) with those of padding set to zero."""
    return hidden * (inputs >= 0).unsqueeze(-1)
