"""A small Llama of our own, with random weights: what a catalogue's own texts can train.

It knows nothing but what it is trained on: no English, no products beyond the catalogue's. It lets
the fine-tuning branch run on two cores with no download, and shows what prompts alone can teach.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from llmseqrec.llm.language_model import LanguageModel
from llmseqrec.llm.tokenizer import TextTokenizer
from llmseqrec.nn.trainer import seeded


@dataclass(frozen=True)
class Shape:
    """Size of the network; as it stands, 5.0 million parameters with a vocabulary of 8,192.

    Attributes:
        dim: width of the states.
        layers: how many.
        heads: of attention, for queries.
        key_heads: of attention, for keys and values.
        inner: width inside the feed-forward layers.
        context: tokens of prompt and completion together at most.
    """

    dim: int = 256
    layers: int = 4
    heads: int = 4
    key_heads: int = 2
    inner: int = 688
    context: int = 1024


def make_small_model(
    tokenizer: TextTokenizer, shape: Shape | None = None, seed: int = 0
) -> LanguageModel:
    """An untrained Llama (Touvron et al., arXiv 2302.13971) for the tokens of a tokenizer.

    The vectors of tokens serve as the last layer's weights too. Weights follow from the seed.
    """
    shape = shape or Shape()
    config = LlamaConfig(
        vocab_size=tokenizer.size,
        hidden_size=shape.dim,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        intermediate_size=shape.inner,
        max_position_embeddings=shape.context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.end,
        pad_token_id=None,
    )
    with seeded(seed, torch.device("cpu")):
        model = LanguageModel(LlamaForCausalLM(config), tokenizer)
    model.network.eval()
    return model
