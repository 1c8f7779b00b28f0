"""Small language models and catalogues that several tests use."""

from functools import cache

import numpy as np

from llmseqrec.llm.language_model import LanguageModel
from llmseqrec.llm.small_model import Shape, make_small_model
from llmseqrec.llm.tokenizer import train_tokenizer

TINY = Shape(dim=32, layers=2, heads=4, key_heads=2, inner=64, context=256)


@cache
def titles(count: int = 120) -> tuple[str, ...]:
    """Titles of one to eight words of a small vocabulary; many begin alike, all are different."""
    rng = np.random.default_rng(0)
    words = ["soap", "oil", "rose", "dry skin", "for", "No. 7", "Été", "x2", "\nrefill", "care"]
    made: dict[str, None] = {}
    while len(made) < count:
        made[" ".join(rng.choice(words, rng.integers(1, 9)))] = None
    return tuple(made)


def prompts(count: int) -> list[str]:
    """Lists of titles, of different lengths."""
    rng = np.random.default_rng(1)
    return ["\n".join(rng.choice(titles(), rng.integers(1, 8))) for _ in range(count)]


def tiny_model(seed: int = 0, spread: float = 4.0) -> LanguageModel:
    """A Llama with random weights, `spread` times as large as usual: it has strong opinions."""
    model = make_small_model(train_tokenizer(titles(), 300), TINY, seed)
    for name, weight in model.network.named_parameters():
        if "norm" not in name:
            weight.data *= spread
    return model
