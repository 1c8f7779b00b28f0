"""Fit a reduction on item vectors, apply it, and write both."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from llmseqrec.config import Reduction
from llmseqrec.contracts import ITEMS, read_table, write_array, write_json
from llmseqrec.provenance import file_digest
from llmseqrec.reduction.affine import Affine
from llmseqrec.registry import REDUCERS, load
from llmseqrec.vector_facts import read_facts


def reduce_embeddings(vectors: Path, items: Path, reduction: Reduction, target: Path) -> None:
    """Write reduced vectors, their report (.json) and the fitted map (.safetensors).

    The report also says which vectors, of which texts, these are reduced from.

    Raises:
        InputError: the vectors are not those that the facts beside them tell of.
    """
    source = file_digest(vectors)
    facts = read_facts(vectors, source)
    table = read_table(items, ITEMS)
    classes = table["class"].fillna("").tolist() if "class" in table else None
    full = np.load(vectors)
    fitted: Affine = load(REDUCERS[reduction.method])(full, reduction, classes)
    write_array(fitted.transform(full), target)
    origin = {
        "vectors_sha256": file_digest(target),
        "source_vectors_sha256": source,
        "texts_sha256": facts["texts_sha256"],
    }
    write_json({**fitted.report, **origin}, target.with_suffix(".json"))
    fitted.save(target.with_suffix(".safetensors"))
