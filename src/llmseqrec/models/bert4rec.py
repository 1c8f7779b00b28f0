"""BERT4Rec and, with item vectors, LLM2BERT4Rec (study, §3.2)."""

from __future__ import annotations

import torch

from llmseqrec.models.neural import NeuralRecommender
from llmseqrec.models.parameters import BERT4RecParameters
from llmseqrec.nn.batches import Batches, BatchOptions, MaskedItemBatches
from llmseqrec.nn.bert4rec import BERT4Rec
from llmseqrec.nn.item_table import ItemTable
from llmseqrec.nn.layers import TransformerShape
from llmseqrec.nn.sequences import append_mask, windows
from llmseqrec.sessions import IntArray, Sessions


class BERT4RecRecommender(NeuralRecommender[BERT4RecParameters]):
    """Self-attention in both directions; masked items are predicted."""

    def make_network(self, table: ItemTable, rng: torch.Generator) -> BERT4Rec:
        """An untrained BERT4Rec."""
        p = self.parameters
        shape = TransformerShape(p.max_length, p.layers, p.heads, p.dropout, p.fidelity)
        return BERT4Rec(table, shape, rng)

    def make_batches(self, train: Sessions, options: BatchOptions) -> Batches:
        """Eleven rows a session, masked anew every epoch."""
        return MaskedItemBatches(train, options, self.parameters.mask_prob, len(self.vocabulary))

    def prediction_rows(self, prompts: Sessions) -> IntArray:
        """The last items, then the mask token."""
        rows = windows(prompts, self.parameters.max_length - 1)
        return append_mask(rows, len(self.vocabulary))
