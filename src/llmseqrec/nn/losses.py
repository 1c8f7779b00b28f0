"""Losses over the items of a catalogue, by name.

Each takes the vectors of the scored positions, the table of item vectors and the right items, and
gives the mean loss a position as a scalar that can be differentiated with respect to both. None
ever holds more scores than its memory budget: full cross-entropy works in a reused buffer
(`fused`), the others compute a chunk of positions at a time and, where there is more than one
chunk, compute it again in the backward pass rather than keep it.

Sources: Kang & McAuley 2018 (binary cross-entropy), Klenitskiy & Vasilev 2023 (sampled softmax),
Petrov & Macdonald 2023 (gBCE). Negatives are drawn uniformly over the catalogue, with replacement,
also items of the session. Deviation from all three: by default one set of negatives serves the
whole batch, which turns their scores into one matrix product; `shared=False` draws a set for each
position. A negative that equals the position's right item is left out for that position.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

import torch
from torch import Generator, Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from llmseqrec.errors import InputError
from llmseqrec.nn.fused import linear_cross_entropy

LossName = Literal["cross_entropy", "sampled_softmax", "gbce", "bce"]


class Loss(Protocol):
    """Mean loss of positions.

    Args of a call:
        hidden: (m, dim) vectors of the scored positions.
        table: (n_items, dim) item vectors.
        targets: (m,) the right items.
        generator: the source of chance, on the device of `hidden`; None: torch's own.
    """

    def __call__(
        self, hidden: Tensor, table: Tensor, targets: Tensor, generator: Generator | None = None
    ) -> Tensor: ...


@dataclass(frozen=True)
class LossOptions:
    """Options of the losses; each reads those that concern it.

    Attributes:
        negatives: negatives of a sampled loss.
        shared: one set of negatives for the whole batch, or a set for each position.
        calibration: t of gBCE; 0 is plain BCE, 1 fully calibrated.
        budget_bytes: bound on the memory for scores.
        bfloat16: compute the matrix products and scores of full cross-entropy in bfloat16.
    """

    negatives: int = 256
    shared: bool = True
    calibration: float = 0.75
    budget_bytes: int = 256 * 2**20
    bfloat16: bool = False


def make_loss(name: str, options: LossOptions | None = None) -> Loss:
    """The loss of a name.

    Raises:
        InputError: there is no loss of that name, or an option is out of its range.
    """
    if name not in LOSSES:
        raise InputError(f"loss: no loss is called {name!r}; choose one of {', '.join(LOSSES)}")
    options = options or LossOptions()
    if options.negatives < 1:
        raise InputError(f"negatives: {options.negatives} is too few; give at least 1")
    if not 0 <= options.calibration <= 1:
        raise InputError(f"calibration: {options.calibration} lies outside 0 to 1")
    return partial(LOSSES[name], options)


def cross_entropy(
    options: LossOptions,
    hidden: Tensor,
    table: Tensor,
    targets: Tensor,
    generator: Generator | None = None,
) -> Tensor:
    """Full cross-entropy over all items (study, §4.5)."""
    dtype = torch.bfloat16 if options.bfloat16 else None
    return linear_cross_entropy(hidden, table, targets, options.budget_bytes, dtype)


def sampled_softmax(
    options: LossOptions,
    hidden: Tensor,
    table: Tensor,
    targets: Tensor,
    generator: Generator | None = None,
) -> Tensor:
    """Cross-entropy over the right item and the negatives.

    Uniform draws need no correction for how often an item is drawn.
    """

    def of_scores(right: Tensor, wrong: Tensor) -> Tensor:
        scores = torch.cat([right[:, None], wrong], dim=1)  # (rows, 1 + negatives)
        return (scores.logsumexp(dim=1) - right).sum()

    return _sampled(of_scores, options, (hidden, table, targets), generator)


def bce(
    options: LossOptions,
    hidden: Tensor,
    table: Tensor,
    targets: Tensor,
    generator: Generator | None = None,
) -> Tensor:
    """Binary cross-entropy of the right item against each negative, averaged over all of them."""
    return _binary(1.0, options, (hidden, table, targets), generator)


def gbce(
    options: LossOptions,
    hidden: Tensor,
    table: Tensor,
    targets: Tensor,
    generator: Generator | None = None,
) -> Tensor:
    """Binary cross-entropy with the probability of the right item raised to `gbce_power`.

    The original transforms the score of the right item in double precision; the logarithm of the
    power is the power times the logarithm, which needs neither.
    """
    power = gbce_power(len(table), options.negatives, options.calibration)
    return _binary(power, options, (hidden, table, targets), generator)


LOSSES: dict[str, Callable[..., Tensor]] = {
    "cross_entropy": cross_entropy,
    "sampled_softmax": sampled_softmax,
    "gbce": gbce,
    "bce": bce,
}


def gbce_power(n_items: int, negatives: int, calibration: float) -> float:
    """Beta of gBCE: 1 - t (1 - alpha), alpha the share of the wrong items that is drawn."""
    share = min(negatives / max(n_items - 1, 1), 1.0)
    return 1 - calibration * (1 - share)


def _binary(
    power: float,
    options: LossOptions,
    tensors: tuple[Tensor, Tensor, Tensor],
    generator: Generator | None,
) -> Tensor:
    def of_scores(right: Tensor, wrong: Tensor) -> Tensor:
        positive = -power * functional.logsigmoid(right)  # (rows,)
        negative = functional.softplus(wrong).sum(dim=1)  # (rows,); 0 where left out
        counts = 1 + wrong.isfinite().sum(dim=1)
        return ((positive + negative) / counts).sum()

    return _sampled(of_scores, options, tensors, generator)


def _sampled(
    of_scores: Callable[[Tensor, Tensor], Tensor],
    options: LossOptions,
    tensors: tuple[Tensor, Tensor, Tensor],
    generator: Generator | None,
) -> Tensor:
    """Mean loss of positions with sampled negatives.

    Args:
        of_scores: summed loss of scores of the right item (rows,) and of negatives (rows, k),
            -inf where a negative is left out.
        options: count and kind of negatives, memory budget.
        tensors: hidden, table, targets.
        generator: draws the negatives.
    """
    hidden, table, targets = tensors
    drawn = _draw(len(table), targets, options, generator)

    def of_chunk(rows: slice) -> Tensor:
        right = targets[rows]
        negatives = drawn if options.shared else drawn[rows]
        return of_scores(*_scores(hidden[rows], table, right, negatives))

    size = _chunk_rows(options, hidden)
    if len(hidden) <= size:
        return of_chunk(slice(0, len(hidden))) / len(hidden)
    chunks = [slice(start, start + size) for start in range(0, len(hidden), size)]
    parts = [
        checkpoint(of_chunk, rows, use_reentrant=False, preserve_rng_state=False) for rows in chunks
    ]
    return torch.stack(parts).sum() / len(hidden)


def _draw(
    n_items: int, targets: Tensor, options: LossOptions, generator: Generator | None
) -> Tensor:
    """Negatives (k,), or (m, k) where each position has its own."""
    shape = (options.negatives,) if options.shared else (len(targets), options.negatives)
    return torch.randint(n_items, shape, generator=generator, device=targets.device)


def _scores(
    hidden: Tensor, table: Tensor, targets: Tensor, negatives: Tensor
) -> tuple[Tensor, Tensor]:
    """Scores of the right items (rows,) and of the negatives (rows, k), -inf where equal."""
    # The gradient of one look-up is added up in a fixed order; that of an index is not.
    ids = torch.cat([targets, negatives.flatten()])
    looked_up = functional.embedding(ids, table)  # (rows + k or rows x k, dim)
    right = (hidden * looked_up[: len(targets)]).sum(dim=1)
    vectors = looked_up[len(targets) :].view(*negatives.shape, -1)  # (k, dim) or (rows, k, dim)
    wrong = hidden @ vectors.T if negatives.dim() == 1 else (vectors @ hidden[:, :, None])[:, :, 0]
    return right, wrong.masked_fill(negatives == targets[:, None], -math.inf)


def _chunk_rows(options: LossOptions, hidden: Tensor) -> int:
    """Positions whose scores, and whose own negatives' vectors, fit the budget."""
    width = options.negatives * (1 if options.shared else hidden.shape[1])
    return max(options.budget_bytes // (width * hidden.element_size()), 1)
