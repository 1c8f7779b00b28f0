"""Scores of all items and their cross-entropy in one step, without keeping the scores.

The obvious way keeps three arrays of (positions, items) alive from the forward to the backward
pass. Here a chunk of positions at a time is multiplied into one reused buffer, turned into
probabilities and then into the gradient of the scores in place, and multiplied out again at once:
the forward pass computes the gradients, the backward pass scales them. The buffer stays in the
processor's cache, which is where most of the speed comes from.
"""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

CACHE_BYTES = 8 * 2**20  # of the buffer; larger ones are slower
ALIGNMENT = 32  # items; products are up to three times slower where rows start anywhere
# Chunks are as long as the buffer but for the last, which is filled up to a multiple of this with
# rows of zeros: oneDNN keeps code and scratch space, megabytes, for every shape it has multiplied.
ROW_STEP = 32
FAINTEST = 1e-30  # of a target's probability: below, its logarithm is computed another way


def linear_cross_entropy(
    hidden: Tensor,
    table: Tensor,
    targets: Tensor,
    budget_bytes: int = CACHE_BYTES,
    product_dtype: torch.dtype | None = None,
) -> Tensor:
    """Mean cross-entropy of `hidden @ table.T`, as `torch.nn.functional.cross_entropy` has it.

    The result can be differentiated once, with respect to `hidden` and `table`.

    Args:
        hidden: (m, dim).
        table: (n_items, dim).
        targets: (m,) item ids.
        budget_bytes: bound on the memory for scores; at least one row is always computed.
        product_dtype: type the matrix products and the scores are computed in, such as bfloat16;
            sums inside the products are float32 all the same, and so are the summed gradients.
            By default the type of `hidden`.

    Returns:
        A scalar of the type of `hidden`.
    """
    keep = torch.is_grad_enabled()
    return cast(
        Tensor,
        _LinearCrossEntropy.apply(  # type: ignore[no-untyped-call]
            hidden, table, targets, (budget_bytes, product_dtype or hidden.dtype, keep)
        ),
    )


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        table: Tensor,
        targets: Tensor,
        setting: tuple[int, torch.dtype, bool],
    ) -> Tensor:
        budget_bytes, dtype, keep = setting
        wanted = ctx.needs_input_grad[:2] if keep else (False, False)
        vectors = _aligned(table, dtype)  # (n_columns, dim)
        buffer = _buffer(len(hidden), vectors, budget_bytes)
        hidden_gradient = torch.empty_like(hidden) if wanted[0] else None
        table_gradient = None
        losses = []
        for start in range(0, len(hidden), len(buffer)):
            rows = slice(start, start + len(buffer))
            n_rows = len(targets[rows])
            part = _filled_up(hidden[rows].to(dtype), len(buffer))  # (at least n_rows, dim)
            scores = buffer[: len(part)]  # (at least n_rows, n_columns)
            torch.mm(part, vectors.T, out=scores)
            found = _to_gradient(scores[:n_rows], targets[rows], len(table))
            losses.append(_losses(found, part[:n_rows], vectors[: len(table)], targets[rows]))
            if hidden_gradient is not None:
                hidden_gradient[rows] = torch.mm(scores, vectors)[:n_rows]
            if wanted[1]:
                table_gradient = _add_product(table_gradient, scores.T, part, table.dtype)
        ctx.save_for_backward(
            hidden_gradient, None if table_gradient is None else table_gradient[: len(table)]
        )
        ctx.n_positions = len(hidden)
        return torch.cat(losses).mean().to(hidden.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        scale = gradient / ctx.n_positions
        hidden, table = (None if saved is None else saved * scale for saved in ctx.saved_tensors)
        return hidden, table, None, None


def _aligned(table: Tensor, dtype: torch.dtype) -> Tensor:
    """The table with rows of zeros appended, so that rows of scores start on a cache line."""
    n_columns = -(-len(table) // ALIGNMENT) * ALIGNMENT
    vectors = table.new_zeros(n_columns, table.shape[1], dtype=dtype)
    vectors[: len(table)] = table
    return vectors


def _buffer(n_rows: int, vectors: Tensor, budget_bytes: int) -> Tensor:
    """Room for the scores of as many positions as the budget and the cache allow."""
    row_bytes = len(vectors) * vectors.element_size()
    rows = max(min(budget_bytes, CACHE_BYTES) // row_bytes, 1)
    if rows > ROW_STEP:
        rows -= rows % ROW_STEP
    return vectors.new_empty(min(rows, _next_step(n_rows)), len(vectors))


def _filled_up(part: Tensor, most: int) -> Tensor:
    """Rows (n, dim) and, up to a multiple of `ROW_STEP` or `most` of them, rows of zeros."""
    return functional.pad(part, (0, 0, 0, min(_next_step(len(part)), most) - len(part)))


def _next_step(n_rows: int) -> int:
    return -(-n_rows // ROW_STEP) * ROW_STEP


def _to_gradient(scores: Tensor, targets: Tensor, n_items: int) -> Tensor:
    """Turn scores into their gradient, in place; returns the probability of each target (rows,).

    Args:
        scores: (rows, n_columns); columns from `n_items` on are no items.
        targets: (rows,).
        n_items: size of the catalogue.
    """
    scores[:, n_items:] = -math.inf
    torch.softmax(scores, dim=1, out=scores)
    found = scores.gather(1, targets[:, None])  # (rows, 1)
    scores.scatter_(1, targets[:, None], found - 1)
    return found[:, 0]


def _losses(found: Tensor, hidden: Tensor, vectors: Tensor, targets: Tensor) -> Tensor:
    """-log of probabilities (rows,), computed from the scores again where one vanishes."""
    losses = -found.to(torch.promote_types(found.dtype, torch.float32)).log()
    faint = found < FAINTEST
    if faint.any():
        exact = torch.mm(hidden[faint], vectors.T).to(losses.dtype)
        losses[faint] = functional.cross_entropy(exact, targets[faint], reduction="none")
    return losses


def _add_product(total: Tensor | None, left: Tensor, right: Tensor, dtype: torch.dtype) -> Tensor:
    """The total, of the given type, plus a matrix product."""
    if total is not None and left.dtype == dtype:
        return total.addmm_(left, right)
    product = torch.mm(left, right).to(dtype)
    return product if total is None else total.add_(product)
