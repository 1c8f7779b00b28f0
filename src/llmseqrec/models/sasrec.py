"""SASRec and, with item vectors, LLM2SASRec (study, §3.2)."""

from __future__ import annotations

from llmseqrec.models.parameters import SASRecParameters
from llmseqrec.models.transformer import TransformerRecommender
from llmseqrec.nn.batches import Batches, BatchOptions, NextItemBatches
from llmseqrec.nn.sasrec import SASRec
from llmseqrec.sessions import Sessions


class SASRecRecommender(TransformerRecommender[SASRecParameters]):
    """Self-attention over the past; every item predicts the next."""

    network_class = SASRec

    def make_batches(self, train: Sessions, options: BatchOptions) -> Batches:
        """A row a session."""
        return NextItemBatches(train, options)
