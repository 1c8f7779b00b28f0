"""Which torch device a configuration's `device` stands for."""

from __future__ import annotations


def resolve_device(device: str) -> str:
    """`auto` becomes cuda, mps or cpu, whichever this machine has first; others stay."""
    if device != "auto":
        return device
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
