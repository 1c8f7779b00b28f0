"""SASRec and, with item vectors, LLM2SASRec (study, §3.2)."""

from __future__ import annotations

import torch

from llmseqrec.models.neural import NeuralRecommender
from llmseqrec.models.parameters import SASRecParameters
from llmseqrec.nn.batches import Batches, BatchOptions, NextItemBatches
from llmseqrec.nn.item_table import ItemTable
from llmseqrec.nn.layers import TransformerShape
from llmseqrec.nn.sasrec import SASRec
from llmseqrec.sessions import Sessions


class SASRecRecommender(NeuralRecommender[SASRecParameters]):
    """Self-attention over the past; every item predicts the next."""

    def make_network(self, table: ItemTable, rng: torch.Generator) -> SASRec:
        """An untrained SASRec."""
        p = self.parameters
        shape = TransformerShape(p.max_length, p.layers, p.heads, p.dropout, p.fidelity)
        return SASRec(table, shape, rng)

    def make_batches(self, train: Sessions, options: BatchOptions) -> Batches:
        """A row a session."""
        return NextItemBatches(train, options)
