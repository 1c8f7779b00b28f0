"""Fit a reduction on item vectors, apply it, and write both."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from llmseqrec.config import Reduction
from llmseqrec.contracts import ITEMS, read_table, write_array, write_json
from llmseqrec.reduction.affine import Affine
from llmseqrec.registry import REDUCERS, load


def reduce_embeddings(vectors: Path, items: Path, reduction: Reduction, target: Path) -> None:
    """Write reduced vectors, their report (.json) and the fitted map (.safetensors)."""
    table = read_table(items, ITEMS)
    classes = table["class"].fillna("").tolist() if "class" in table else None
    full = np.load(vectors)
    fitted: Affine = load(REDUCERS[reduction.method])(full, reduction, classes)
    write_array(fitted.transform(full), target)
    write_json(dict(fitted.report), target.with_suffix(".json"))
    fitted.save(target.with_suffix(".safetensors"))
