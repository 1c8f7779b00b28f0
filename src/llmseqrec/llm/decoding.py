"""From prompts to items of a catalogue, or to free texts, in batches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from llmseqrec.llm.beam_search import BeamOptions, Found, search
from llmseqrec.llm.language_model import LanguageModel
from llmseqrec.llm.sampling import SamplingOptions, sample
from llmseqrec.llm.tokenizer import TextTokenizer
from llmseqrec.llm.trie import Trie
from llmseqrec.sessions import IntArray, LongArray

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Tokens = Sequence[list[int]]


def catalogue_trie(completions: Sequence[str], tokenizer: TextTokenizer) -> Trie:
    """The trie of a catalogue.

    Args:
        completions: what the model is to write for each item, in the order of item ids; items with
            the same text share a leaf, and those with an empty one are left out.
        tokenizer: that of the model.
    """
    named = np.array([item for item, text in enumerate(completions) if text], dtype=np.int32)
    encoded = tokenizer.completions([completions[item] for item in named])
    return Trie.of(encoded, named)


def rank_items(
    model: LanguageModel,
    trie: Trie,
    prompts: Sequence[str],
    options: BeamOptions | None = None,
    batch_size: int = 16,
) -> tuple[IntArray, NDArray[np.float32]]:
    """The items whose texts are the likeliest completions; never one outside the catalogue.

    As many items as there are beams, all different. Items with the same text are ranked next to
    each other, lowest id first, with the same score.

    Args:
        model: in evaluation mode.
        trie: of the catalogue, see `catalogue_trie`.
        prompts: texts.
        options: of the search.
        batch_size: prompts at a time.

    Returns:
        Items (n_prompts, beams), best first, -1 beyond the end of a catalogue that has fewer; and
        their scores, see `llmseqrec.llm.beam_search`.
    """
    options = options or BeamOptions()
    items = np.full((len(prompts), options.beams), -1, dtype=np.int32)
    scores = np.full(items.shape, -np.inf, dtype=np.float32)

    def run(batch: Tokens) -> list[Found]:
        return search(model, batch, trie, options)

    encoded = _fitting(model, prompts, trie.depth)
    for number, found in _in_batches(encoded, run, batch_size):
        leaves = [trie.items_at(leaf) for leaf in found.leaves]
        ranked = np.concatenate(leaves)[: options.beams]
        items[number, : len(ranked)] = ranked
        repeated = np.repeat(found.scores, [len(leaf) for leaf in leaves])
        scores[number, : len(ranked)] = repeated[: len(ranked)]
    return items, scores


def sample_texts(
    model: LanguageModel,
    prompts: Sequence[str],
    options: SamplingOptions | None = None,
    batch_size: int = 16,
) -> list[list[str]]:
    """Texts that the model writes freely, by prompt and sample."""
    options = options or SamplingOptions()

    def run(batch: Tokens) -> list[list[list[int]]]:
        return sample(model, batch, options)

    texts: list[list[str]] = [[] for _ in prompts]
    encoded = _fitting(model, prompts, options.most_tokens)
    for number, drawn in _in_batches(encoded, run, batch_size):
        texts[number] = [model.tokenizer.text(ids) for ids in drawn]
    return texts


def _fitting(model: LanguageModel, prompts: Sequence[str], room: int) -> list[list[int]]:
    """Tokens of prompts; of one that leaves no room for a completion the last tokens."""
    most = max(1, model.context - room)
    encoded = model.tokenizer.prompts(prompts)
    longer = sum(len(ids) > most for ids in encoded)
    if longer:
        logger.info("%d of %d prompts cut to their last %d tokens", longer, len(encoded), most)
    return [model.tokenizer.cut(ids, most) for ids in encoded]


def _in_batches(
    prompts: Tokens, run: Callable[[Tokens], Sequence[Result]], size: int
) -> Iterator[tuple[int, Result]]:
    """The number of each prompt and its result; prompts of like length share a batch."""
    order: LongArray = np.argsort([-len(ids) for ids in prompts], kind="stable")
    with tqdm(total=len(prompts), unit="prompt", disable=None) as bar:
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            yield from zip(batch.tolist(), run([prompts[row] for row in batch]), strict=True)
            bar.update(len(batch))
