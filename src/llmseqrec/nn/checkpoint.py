"""What a training run needs to go on after it was killed, in one file.

Chance is no part of it: that of an epoch follows from the seed and the epoch's number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from llmseqrec.contracts import atomic_path
from llmseqrec.errors import InputError

NAME = "checkpoint.pt"


@dataclass
class Progress:
    """How far a training run has come.

    Attributes:
        seed: of the run's chance.
        history: a row an epoch: epoch, loss, validation.
        best: weights after the best epoch so far.
        network: weights after the last epoch.
        average: running mean of the weights, and how many it is of; empty without averaging.
        optimizer: state after the last epoch.
    """

    seed: int
    history: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    network: dict[str, Tensor] = field(default_factory=dict)
    average: dict[str, Tensor] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)


def save_progress(progress: Progress, folder: Path) -> None:
    """Replace the checkpoint of a folder; a kill leaves the old one or the new one."""
    content = {name: getattr(progress, name) for name in progress.__dataclass_fields__}
    with atomic_path(folder / NAME) as temporary:
        torch.save(content, temporary)


def load_progress(folder: Path, device: torch.device) -> Progress | None:
    """The checkpoint of a folder, or None where there is none.

    Raises:
        InputError: the file cannot be read.
    """
    path = folder / NAME
    if not path.exists():
        return None
    try:
        return Progress(**torch.load(path, map_location=device, weights_only=True))
    except Exception as error:  # torch raises almost anything at a foreign file
        raise InputError(f"{path}: not a checkpoint of this version; remove it") from error


def copy_weights(network: nn.Module) -> dict[str, Tensor]:
    """A copy of the weights that later steps leave alone."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
