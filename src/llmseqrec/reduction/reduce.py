"""Fit a reduction on item vectors, apply it, and write both."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llmseqrec.arrays import read_array, write_array
from llmseqrec.config import Reduction
from llmseqrec.contracts import ITEMS, read_table, write_json
from llmseqrec.errors import InputError
from llmseqrec.provenance import file_digest
from llmseqrec.reduction.affine import FloatArray
from llmseqrec.reduction.chain import Chain, fit_chain
from llmseqrec.sessions import Sessions
from llmseqrec.vector_facts import read_facts


def reduce_embeddings(
    vectors: Path, items: Path, reduction: Reduction, target: Path, train: Path | None = None
) -> None:
    """Write reduced vectors, their report (.json) and the fitted chain (.safetensors).

    The report also says which vectors, of which texts, these are reduced from.

    Args:
        vectors: item vectors (.npy) with their facts beside them.
        items: items.parquet.
        reduction: what to do; `fit_on` decides on which items.
        target: reduced vectors of all items (.npy).
        train: folder of the training sessions, for a reduction that is fitted on their items.

    Raises:
        InputError: the vectors are not those that the facts beside them tell of, or the reduction
            cannot be fitted on them.
    """
    source = file_digest(vectors)
    facts = read_facts(vectors, source)
    full = read_array(vectors)
    rows = _fitted_rows(reduction, train, len(full))
    fitted = _fit(full, items, reduction, rows)
    write_array(fitted.transform(full), target)
    origin = {
        "vectors_sha256": file_digest(target),
        "source": Path(os.path.relpath(vectors, target.parent)).as_posix(),
        "source_vectors_sha256": source,
        "texts_sha256": facts["texts_sha256"],
    }
    write_json({**fitted.report, **origin}, target.with_suffix(".json"))
    fitted.save(target.with_suffix(".safetensors"))


def _fit(
    full: FloatArray, items: Path, reduction: Reduction, rows: NDArray[np.intp] | slice
) -> Chain:
    table = read_table(items, ITEMS)
    classes = None
    if "class" in table:
        classes = table["class"].fillna("").iloc[rows].tolist()
    return fit_chain(full[rows], reduction, classes)


def _fitted_rows(
    reduction: Reduction, train: Path | None, n_items: int
) -> NDArray[np.intp] | slice:
    """The items a reduction is fitted on; all of them as a slice, which copies nothing."""
    if reduction.fit_on == "catalogue":
        return slice(None)
    if train is None:
        raise ValueError("fit_on: training needs the training sessions")
    rows = np.unique(Sessions.load(train).items).astype(np.intp)
    if not len(rows) or rows[-1] >= n_items:
        raise InputError(f"{train}: its items are not those of {n_items} item vectors; split again")
    return rows
