"""BERT4Rec and, with item vectors, LLM2BERT4Rec (study, §3.2)."""

from __future__ import annotations

from llmseqrec.models.parameters import BERT4RecParameters
from llmseqrec.models.transformer import TransformerRecommender
from llmseqrec.nn.batches import Batches, BatchOptions, MaskedItemBatches
from llmseqrec.nn.bert4rec import BERT4Rec
from llmseqrec.nn.sequences import append_mask, windows
from llmseqrec.sessions import IntArray, Sessions


class BERT4RecRecommender(TransformerRecommender[BERT4RecParameters]):
    """Self-attention in both directions; masked items are predicted."""

    network_class = BERT4Rec

    def make_batches(self, train: Sessions, options: BatchOptions) -> Batches:
        """Eleven rows a session, masked anew every epoch."""
        return MaskedItemBatches(train, options, self.parameters.mask_prob, len(self.vocabulary))

    def prediction_rows(self, prompts: Sessions) -> IntArray:
        """The last items, then the mask token."""
        rows = windows(prompts, self.parameters.max_length - 1)
        return append_mask(rows, len(self.vocabulary))
