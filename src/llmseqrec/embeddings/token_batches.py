"""Batches of texts by their tokens: little padding, and about the same work in each."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

RowArray = NDArray[np.intp]


def token_batches(lengths: RowArray, tokens: int, texts: int) -> Iterator[RowArray]:
    """Rows of each batch, longest first, so that too little memory shows at once.

    Args:
        lengths: (n,) tokens of each text.
        tokens: most tokens in a batch, padding included; a longer text is a batch of its own.
        texts: most texts in a batch.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        count = min(texts, max(1, tokens // longest))
        yield order[start : start + count]
        start += count


def cut(features: Mapping[str, Any], rows: RowArray) -> dict[str, Any]:
    """Some rows of tokenised texts, without the columns that are padding in all of them.

    Args:
        features: tensors (n, length), of which `attention_mask` is one; others are passed on.
        rows: which texts.
    """
    mask = features["attention_mask"]
    used = mask[rows].any(dim=0)
    return {
        name: value[rows][:, used] if getattr(value, "shape", None) == mask.shape else value
        for name, value in features.items()
    }
