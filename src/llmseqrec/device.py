"""Which torch device a configuration's `device` stands for, and what it can do."""

from __future__ import annotations

import logging
import os

from llmseqrec.errors import InputError

_LOG = logging.getLogger(__name__)


def resolve_device(device: str) -> str:
    """`auto` becomes cuda, mps or cpu, whichever this machine has first; others stay.

    Raises:
        InputError: torch has no such device here.
    """
    if device == "cpu":
        return device
    import torch

    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        chosen = next((name for name, here in present.items() if here), "cpu")
        if chosen == "cpu" and os.environ.get("CUDA_VISIBLE_DEVICES"):
            _LOG.warning(
                "a GPU was given, but torch %s finds none: computing on the processor",
                torch.__version__,
            )
        return chosen
    if not present.get(device):
        raise InputError(
            f"device: torch {torch.__version__} finds no {device} here; choose cpu or auto"
        )
    return device


def multiplies_bfloat16(device: str) -> bool:
    """Whether a device has products of bfloat16 that are faster than those of single precision."""
    import torch

    kind = torch.device(device).type
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities() if kind == "cpu" else {}
    return any(found for name, found in capabilities.items() if "bf16" in name)
