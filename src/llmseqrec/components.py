"""Runs that others are made of: fitted ones, opened, and what was chosen for the whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmseqrec.contracts import read_json
from llmseqrec.errors import InputError
from llmseqrec.models.base import Recommender
from llmseqrec.models.combined_parameters import Option
from llmseqrec.resolve import ResolvedRun
from llmseqrec.saved import SavedRun


def load_components(
    run: ResolvedRun, models: Sequence[Path], device: str = "auto"
) -> list[Recommender[Any]]:
    """The fitted components of a combined run, in its order.

    Args:
        run: the combined run.
        models: model.safetensors of each component, in {folder of its run}/model/.
        device: auto, cpu, cuda or mps.

    Raises:
        InputError: a component's folder holds no fitted run, or its files have changed.
    """
    if len(models) != len(run.components):
        raise InputError(f"{len(models)} fitted components for {len(run.components)} that it names")
    return [SavedRun.load(path.parent.parent, device).recommender for path in models]


def read_choice(path: Path) -> Option:
    """What `choose_combination` found best."""
    chosen: Option = read_json(path)["chosen"]
    return chosen
