"""Starting values of kernels, by fidelity."""

from __future__ import annotations

import math
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

Fidelity = Literal["reference", "standard"]
SHARED_SEED = 0  # study code: transformer_encoder_layer.py


class DrawKernel(Protocol):
    """Draws a kernel by the shapes of its two sides; returns (n_inputs, n_outputs)."""

    def __call__(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Tensor: ...


def draw_kernels(fidelity: Fidelity, generator: torch.Generator) -> DrawKernel:
    """How the kernels of transformer layers start.

    standard: every kernel drawn on its own, Glorot uniform over the matrix it is. Chosen over a
    normal draw of a fixed width, as it differs from the reference in the quirk alone.

    reference: one stream of numbers with seed 0 for every kernel of every layer, so that kernels of
    one shape start equal. Two further traits of Keras come with it: kernels of another shape
    hold the same numbers at another scale, and the fan of a three-dimensional attention kernel is
    counted as a convolution's, which makes it several times smaller than the matrix's.
    Deviation: the numbers come from another generator than TensorFlow's.
    """
    if fidelity == "reference":
        return _shared_draw

    def draw(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Tensor:
        return glorot_uniform(math.prod(inputs), math.prod(outputs), generator)

    return draw


def glorot_uniform(n_inputs: int, n_outputs: int, generator: torch.Generator) -> Tensor:
    """A kernel (n_inputs, n_outputs), uniform within sqrt(6 / (n_inputs + n_outputs))."""
    return nn.init.xavier_uniform_(torch.empty(n_inputs, n_outputs), generator=generator)


def dense(kernel: Tensor) -> nn.Linear:
    """A layer with this kernel (n_inputs, n_outputs) and a bias of zero."""
    # "meta": the default start would draw from the global generator.
    n_inputs, n_outputs = kernel.shape
    layer = nn.Linear(n_inputs, n_outputs, device="meta")
    layer.weight = nn.Parameter(kernel.T.contiguous())
    layer.bias = nn.Parameter(torch.zeros(n_outputs))
    return layer


def _shared_draw(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Tensor:
    shape = inputs + outputs
    receptive = math.prod(shape[:-2])
    limit = math.sqrt(6 / (receptive * (shape[-2] + shape[-1])))
    generator = torch.Generator().manual_seed(SHARED_SEED)
    numbers = torch.rand(math.prod(shape), generator=generator)
    return (2 * numbers - 1).mul_(limit).view(math.prod(inputs), math.prod(outputs))
