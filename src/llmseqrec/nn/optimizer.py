"""AdamW as Keras has it, and as torch has it.

Both use torch's fused step: a table of items is read and written once a step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from llmseqrec.nn.initialisers import Fidelity

EPSILON = {"reference": 1e-7, "standard": 1e-8}


class ClippedAdamW(torch.optim.AdamW):
    """AdamW; each parameter's gradient is clipped to a norm of its own, as the study does.

    Args:
        params: what to train.
        clipnorm: largest L2 norm of one parameter's gradient, or None.
        **defaults: of `torch.optim.AdamW`.
    """

    def __init__(
        self, params: Iterable[nn.Parameter], clipnorm: float | None, **defaults: Any
    ) -> None:
        super().__init__(params, fused=True, **defaults)
        self.clipnorm = clipnorm

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Clip, then step."""
        if self.clipnorm is not None:
            parameters = (parameter for group in self.param_groups for parameter in group["params"])
            clip_each([p.grad for p in parameters if p.grad is not None], self.clipnorm)
        loss: float | None = super().step(closure)
        return loss


class KerasAdamW(ClippedAdamW):
    """AdamW of Keras 2.13, as torch's fused step with settings of each iteration.

    Keras adds epsilon to sqrt(v) before the bias correction, torch to sqrt(v / (1 - beta2^t))
    after it: epsilon / sqrt(1 - beta2^t) turns one into the other. Keras takes the correction in
    single precision, which makes the first steps longer by up to 7e-6 of themselves: the learning
    rate takes that up. Decay is before the step in both, w -= lr * decay * w, on every parameter.
    """

    def __init__(
        self, params: Iterable[nn.Parameter], clipnorm: float | None, **defaults: Any
    ) -> None:
        super().__init__(params, clipnorm, **defaults)
        for group in self.param_groups:
            group["keras"] = {name: group[name] for name in ("lr", "weight_decay", "eps")}
            group["iterations"] = 0

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Clip, then step with the settings of this iteration."""
        for group in self.param_groups:
            group["iterations"] += 1
            longer, root = _correction(group["betas"], group["iterations"])
            keras = group["keras"]
            group["lr"] = keras["lr"] * longer
            group["weight_decay"] = keras["weight_decay"] / longer
            group["eps"] = keras["eps"] / root
        loss: float | None = super().step(closure)
        return loss


def _correction(betas: tuple[float, float], iteration: int) -> tuple[float, float]:
    """How much longer single precision makes the step; sqrt(1 - beta2^t)."""
    beta1, beta2 = betas
    single = 1 - np.array(betas, dtype=np.float32) ** np.float32(iteration)
    root = math.sqrt(1 - beta2**iteration)
    exact = root / (1 - beta1**iteration)
    return float(np.sqrt(single[1]) / single[0]) / exact, root


def clip_each(gradients: list[Tensor], clipnorm: float) -> None:
    """Scale each gradient down to the given L2 norm, in place, where it is longer."""
    if not gradients:
        return
    norms = torch.stack(torch._foreach_norm(gradients)).tolist()
    for gradient, norm in zip(gradients, norms, strict=True):
        if norm > clipnorm:  # most are not: no need to write them
            gradient.mul_(clipnorm / norm)


def make_optimizer(
    parameters: Iterable[nn.Parameter],
    fidelity: Fidelity,
    lr: float,
    weight_decay: float,
    clipnorm: float | None = None,
) -> torch.optim.Optimizer:
    """The optimiser of a training run (study code: neural_model.py).

    Args:
        parameters: those that need no gradient are left out.
        fidelity: "reference" for Keras' epsilon, "standard" for torch's.
        lr: learning rate.
        weight_decay: decoupled, on every parameter.
        clipnorm: largest L2 norm of one parameter's gradient, or None.
    """
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    kind = KerasAdamW if fidelity == "reference" else ClippedAdamW
    eps = EPSILON[fidelity]
    return kind(trained, clipnorm, lr=lr, weight_decay=weight_decay, eps=eps)
