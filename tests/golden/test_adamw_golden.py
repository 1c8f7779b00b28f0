"""The reference's optimiser against its own output."""

import numpy as np
import torch
from torch import nn

from llmseqrec.nn.optimizer import make_optimizer
from tests.golden import golden

GOLDEN = golden("adamw_golden.json")


def test_three_steps() -> None:
    variables = {name: nn.Parameter(torch.tensor(GOLDEN["start"][name])) for name in ("v", "u")}
    config = GOLDEN["config"]
    optimizer = make_optimizer(
        variables.values(),
        "reference",
        config["learning_rate"],
        config["weight_decay"],
        config["clipnorm"],
    )
    for step in GOLDEN["steps"]:
        for variable, gradient in zip(variables.values(), step["gradients"], strict=True):
            variable.grad = torch.tensor(gradient)
        optimizer.step()
        for name, variable in variables.items():
            np.testing.assert_allclose(variable.detach(), step[f"{name}_after"], atol=1e-6)
