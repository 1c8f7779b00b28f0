"""The item table of a neural model: random, or made from item vectors by the run's choice."""

from __future__ import annotations

import logging

import numpy as np
import torch
from torch import Tensor

from llmseqrec.errors import InputError
from llmseqrec.models.base import FloatArray
from llmseqrec.models.parameters import ItemVectors, NeuralParameters
from llmseqrec.nn.item_table import TABLE_BOUND, ItemTable, random_vectors
from llmseqrec.nn.text_tables import AdapterTable, BoundedDeltaTable, NullSpaceTable
from llmseqrec.sessions import Sessions

log = logging.getLogger(__name__)


def source_vectors(
    parameters: NeuralParameters,
    texts: FloatArray | None,
    train: Sessions,
    n_items: int,
    rng: torch.Generator,
) -> Tensor | None:
    """The vectors a table is made of, or None for a random table.

    Args:
        parameters: width and control.
        texts: (n_items, text_dim) vectors of the known items, or None.
        train: training sessions in known ids; the source of the `svd` control.
        n_items: known items.
        rng: of the random controls.
    """
    control = parameters.item_vectors.control
    if control == "svd":
        return torch.from_numpy(interaction_vectors(train, n_items, parameters.dim))
    if texts is None:
        return None
    vectors = torch.from_numpy(np.ascontiguousarray(texts, dtype=np.float32))
    if control == "random":
        return random_vectors(len(vectors), vectors.shape[1], rng)
    if control == "matched_norm":
        drawn = torch.randn(vectors.shape, generator=rng)
        matched: Tensor = drawn * (vectors.norm(dim=1) / drawn.norm(dim=1))[:, None]
        return matched
    if control == "permuted":
        return vectors[torch.randperm(len(vectors), generator=rng)]
    return vectors


def item_table(
    parameters: NeuralParameters, source: Tensor | None, n_items: int, rng: torch.Generator
) -> ItemTable:
    """The table a network starts from.

    Args:
        parameters: width, mode, scale.
        source: (n_items, any width) as `source_vectors` gives them.
        n_items: known items.
        rng: of what is random.
    """
    options, dim = parameters.item_vectors, parameters.dim
    if source is None:
        return ItemTable.random(n_items, dim, rng)
    if options.mode == "adapter":
        return AdapterTable(_scaled(source, options), dim, options.adapter_hidden, rng)
    width = capped_width(dim, source.shape[1])
    vectors = _scaled(source[:, :width], options)
    initial = torch.cat([vectors, random_vectors(1, width, rng)])  # the mask token's row
    if options.mode == "delta":
        return BoundedDeltaTable(initial, options.delta_share)
    if options.mode == "null_space":
        return NullSpaceTable(initial, _trained_directions(options, width), rng)
    return ItemTable(initial)


def capped_width(asked: int, available: int) -> int:
    """The width of a model that starts from vectors of a given width (study, Q18)."""
    if asked > available:
        log.warning(
            "dim: %d asked for, the item vectors have %d; %d it is", asked, available, available
        )
    return min(asked, available)


def interaction_vectors(train: Sessions, n_items: int, dim: int) -> FloatArray:
    """Leading singular vectors of the session x item matrix, scaled by singular values: (n, dim).

    The control without a language model (RecPPT, IPM 2025).
    """
    from scipy.sparse import csr_array
    from sklearn.decomposition import TruncatedSVD

    ones = np.ones(len(train.items), dtype=np.float32)
    matrix = csr_array((ones, train.items, train.offsets), shape=(len(train), n_items))
    rank = min(dim, min(matrix.shape) - 1)
    svd = TruncatedSVD(rank, random_state=0).fit(matrix)
    vectors = (svd.components_.T * np.sqrt(svd.singular_values_)).astype(np.float32)
    return np.ascontiguousarray(vectors)


def _scaled(vectors: Tensor, options: ItemVectors) -> Tensor:
    if options.scale == "none":
        return vectors
    if options.scale == "match_random_norm":
        # Coordinates of a random table are uniform on (-TABLE_BOUND, TABLE_BOUND).
        wanted = TABLE_BOUND * (vectors.shape[1] / 3) ** 0.5
        factor = wanted / max(float(vectors.norm(dim=1).mean()), 1e-12)
    else:
        factor = options.scale
    scaled: Tensor = vectors * factor
    return scaled


def _trained_directions(options: ItemVectors, width: int) -> int:
    if options.null_dimensions >= width:
        raise InputError(
            f"item_vectors.null_dimensions: {options.null_dimensions} of {width} directions "
            "leave none for the texts; lower it or raise dim"
        )
    return options.null_dimensions
