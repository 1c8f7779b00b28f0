"""A language model behind the doubles of services: small, but really trained and really asked."""

from __future__ import annotations

from collections.abc import Sequence

from llmseqrec.llm.decoding import sample_texts
from llmseqrec.llm.language_model import LanguageModel
from llmseqrec.llm.pairs import EncodedPairs, Pair
from llmseqrec.llm.sampling import SamplingOptions
from llmseqrec.llm.small_model import Shape, make_small_model
from llmseqrec.llm.tokenizer import train_tokenizer
from llmseqrec.llm.training import Training, TrainingOptions

SHAPE = Shape(dim=32, layers=2, heads=4, key_heads=2, inner=64, context=512)
LONGEST = 32  # tokens of an answer, whatever is allowed


class Writer:
    """A tiny Llama trained on prompts and answers; untrained it repeats what it is asked.

    Args:
        pairs: what it learns; none: a base model.
        steps: of training; some hundreds teach it half a dozen answers by heart.
    """

    def __init__(self, pairs: Sequence[Pair] = (), steps: int = 10) -> None:
        self.model = _trained(pairs, steps) if pairs else None

    def write(self, prompt: str, options: SamplingOptions) -> list[str]:
        """Answers to a prompt."""
        if self.model is None:
            last = prompt.splitlines()[-1]
            return [f"{last} again {number}" for number in range(options.samples)]
        return sample_texts(self.model, [prompt], options)[0]


def _trained(pairs: Sequence[Pair], steps: int) -> LanguageModel:
    tokenizer = train_tokenizer((text for p in pairs for text in (p.prompt, p.completion)), 400)
    model = make_small_model(tokenizer, SHAPE, 0)
    options = TrainingOptions(
        epochs=steps, most_steps=steps, batch_tokens=4096, learning_rate=3e-3, warmup_steps=5
    )
    Training(model, options).fit(EncodedPairs.of(pairs, tokenizer, SHAPE.context), None, 0)
    return model
