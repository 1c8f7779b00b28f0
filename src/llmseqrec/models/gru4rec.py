"""GRU4Rec and, with item vectors, LLM2GRU4Rec (study, §3.2)."""

from __future__ import annotations

import torch

from llmseqrec.models.neural import NeuralRecommender
from llmseqrec.models.parameters import GRU4RecParameters
from llmseqrec.nn.batches import Batches, BatchOptions, NextItemBatches
from llmseqrec.nn.gru4rec import GRU4Rec, GRUShape
from llmseqrec.nn.item_table import ItemTable
from llmseqrec.sessions import Sessions


class GRU4RecRecommender(NeuralRecommender[GRU4RecParameters]):
    """A recurrent state over the session; every item predicts the next."""

    def make_network(self, table: ItemTable, rng: torch.Generator) -> GRU4Rec:
        """An untrained GRU4Rec."""
        p = self.parameters
        return GRU4Rec(table, GRUShape(p.hidden, p.dropout, p.fidelity, p.linear_head), rng)

    def make_batches(self, train: Sessions, options: BatchOptions) -> Batches:
        """A row a session."""
        return NextItemBatches(train, options)
