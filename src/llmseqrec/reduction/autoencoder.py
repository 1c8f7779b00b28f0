"""The linear autoencoder of Boz et al. 2024 (code: side_encoder.py).

Dense layers without activation, so that the encoder is one affine map however many layers it has;
what training many of them changes is the way to it, not what can be reached, which is PCA's error.

Deviations from the study's code:
    * Starting weights and the order of rows come from a seed; the reference's do not.
    * The code is not wider than the vectors.
    * L2 weights are one for kernels and biases; the reference's default, 0, is ours. Tuned values
      were not published.
"""

from __future__ import annotations

import logging
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from llmseqrec.config import ReductionStep
from llmseqrec.reduction.affine import Affine, DoubleArray, Vectors, checked
from llmseqrec.reduction.linear import Classes
from llmseqrec.reduction.spread import capped, reported

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_LOG = logging.getLogger(__name__)
_EPSILON = 1e-7  # Keras' Adam


def fit_autoencoder(vectors: Vectors, step: ReductionStep, classes: Classes = None) -> Affine:
    """Train the autoencoder by Adam on the squared error and keep its encoder.

    The explained variance is 1 - error / variance of the reconstruction: below 0 where that is
    worse than the mean vector, as it may be after a few epochs.

    Args:
        vectors: (n_items, dim), neither centred nor scaled (study code).
        step: dimensions, capped at dim; seed, epochs, batch_size, learning_rate, l2.
        classes: not used.

    Raises:
        InputError: a vector is not finite.
    """
    import torch

    doubles = checked(vectors)
    inputs, code = doubles.shape[1], capped(step, doubles.shape[1])
    generator = torch.Generator().manual_seed(step.seed)
    encoder, decoder = _networks([inputs, *hidden_widths(inputs, code), code], generator)
    rows = torch.from_numpy(doubles.astype(np.float32))
    error = _train(torch.nn.Sequential(*encoder, *decoder), rows, step, generator)
    matrix, shift = _collapsed(encoder)
    variance = float(doubles.var(axis=0).mean())
    explained = 1 - error / variance if variance > 0 else 0.0
    report = {"reconstruction_error": error}
    fitted = Affine(np.zeros(inputs), matrix, report=report, shift=shift)
    return reported(doubles, step, fitted, explained)


def hidden_widths(inputs: int, code: int) -> list[int]:
    """Widths of the encoder's hidden layers: the code's doubled while not above the inputs'."""
    widths: list[int] = []
    while (width := code * 2 ** (len(widths) + 1)) <= inputs:
        widths.append(width)
    return widths[::-1]


def _networks(
    widths: list[int], generator: torch.Generator
) -> tuple[list[torch.nn.Linear], list[torch.nn.Linear]]:
    """Layers of the encoder, and of the decoder that mirrors it; Keras' starting weights."""
    from torch import nn

    layers = []
    for inputs, outputs in pairwise([*widths, *widths[-2::-1]]):
        # The layer's own start would draw from the random numbers of others.
        layer: nn.Linear = nn.utils.skip_init(  # type: ignore[no-untyped-call]
            nn.Linear, inputs, outputs
        )
        nn.init.xavier_uniform_(layer.weight, generator=generator)
        nn.init.zeros_(layer.bias)
        layers.append(layer)
    return layers[: len(widths) - 1], layers[len(widths) - 1 :]


def _train(
    network: torch.nn.Sequential, rows: Tensor, step: ReductionStep, generator: torch.Generator
) -> float:
    """Train in place; the mean squared error over all rows and coordinates afterwards."""
    import torch
    from torch.nn.functional import mse_loss

    parameters = list(network.parameters())
    optimizer = torch.optim.Adam(parameters, lr=step.learning_rate, eps=_EPSILON)
    for epoch in range(1, step.epochs + 1):
        order = torch.randperm(len(rows), generator=generator)
        for batch in torch.split(order, step.batch_size):
            loss = mse_loss(network(rows[batch]), rows[batch])
            if step.l2:
                loss = loss + step.l2 * sum(p.square().sum() for p in parameters)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        _LOG.info("autoencoder: epoch %d of %d, loss %.6g", epoch, step.epochs, loss.item())
    with torch.inference_mode():
        return float(mse_loss(network(rows), rows))


def _collapsed(layers: list[torch.nn.Linear]) -> tuple[DoubleArray, DoubleArray]:
    """Matrix (dim, code) and shift (code,) of layers one after another."""
    first = layers[0]
    matrix = first.weight.detach().double().numpy().T
    shift = first.bias.detach().double().numpy()
    for layer in layers[1:]:
        weight = layer.weight.detach().double().numpy().T
        matrix, shift = matrix @ weight, shift @ weight + layer.bias.detach().double().numpy()
    return matrix, shift
