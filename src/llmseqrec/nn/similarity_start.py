"""Starting values with which an untrained transformer is a recommender by similarity.

Where item vectors carry meaning, similarity to the items of a session is a far better recommender
than a network of random weights, and training has less to forget: it departs from there only where
the data ask for it. The head must be linear, as similarity needs vectors of either sign. Vectors
should have length one, as reduced ones do: SASRec's mean is of that length.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from llmseqrec.nn.bert4rec import BERT4Rec, BERT4RecLayer
from llmseqrec.nn.sasrec import SASRec, SASRecLayer


@torch.no_grad()
def start_as_similarity(network: SASRec | BERT4Rec, sharpness: float) -> None:
    """Let every layer take the mean of the positions it sees and the head pass it on.

    SASRec's untrained vector is the last item's plus, for each layer, the mean of all; BERT4Rec's
    is the mean alone.

    Args:
        network: with item vectors in its table; changed in place.
        sharpness: factor on the vector, the inverse temperature of the softmax.
    """
    # Layer norm makes vectors sqrt(dim) long: before the attention in SASRec, after in BERT4Rec.
    shorter = network.item_table.dim**-0.5
    before = isinstance(network, SASRec)
    network.positions.zero_()
    network.item_table.weight[-1].zero_()  # the mask token, of no meaning yet
    layers: Iterable[SASRecLayer | BERT4RecLayer] = network.layers  # type: ignore[assignment]
    for layer in layers:
        attention = layer.attention
        attention.query.weight.zero_()  # every position seen counts alike
        _identity(attention.value)
        _identity(attention.output, shorter if before else 1.0)
        layer.feed_forward.outer.weight.zero_()
    _identity(network.head.dense, sharpness if before else sharpness * shorter)


def _identity(layer: nn.Linear, factor: float = 1.0) -> None:
    weight: Tensor = layer.weight
    weight.copy_(factor * torch.eye(*weight.shape, device=weight.device))
