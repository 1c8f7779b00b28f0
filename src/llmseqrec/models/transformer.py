"""What the recommenders SASRec and BERT4Rec share."""

from __future__ import annotations

from typing import ClassVar, TypeVar

import torch

from llmseqrec.models.neural import NeuralRecommender
from llmseqrec.models.parameters import TransformerParameters
from llmseqrec.nn.bert4rec import BERT4Rec
from llmseqrec.nn.item_table import ItemTable
from llmseqrec.nn.layers import TransformerShape
from llmseqrec.nn.sasrec import SASRec
from llmseqrec.nn.similarity_start import start_as_similarity

T = TypeVar("T", bound=TransformerParameters)


class TransformerRecommender(NeuralRecommender[T]):
    """Self-attention over a session's items."""

    network_class: ClassVar[type[SASRec] | type[BERT4Rec]]

    def make_network(self, table: ItemTable, rng: torch.Generator) -> SASRec | BERT4Rec:
        """An untrained network."""
        p = self.parameters
        shape = TransformerShape(
            p.max_length, p.layers, p.heads, p.dropout, p.fidelity, p.linear_head
        )
        network = self.network_class(table, shape, rng)
        if p.start == "similarity":
            start_as_similarity(network, p.sharpness)
        return network
