"""Questions to a language model of this machine: answered freely, or in the catalogue's names."""

from __future__ import annotations

from collections.abc import Sequence

from llmseqrec.llm.beam_search import BeamOptions
from llmseqrec.llm.decoding import catalogue_trie, rank_items, sample_texts
from llmseqrec.llm.language_model import LanguageModel
from llmseqrec.llm.prompts import Prompt
from llmseqrec.llm.providers.base import Request
from llmseqrec.llm.sampling import SamplingOptions


def sampled(
    model: LanguageModel, questions: Sequence[Prompt], request: Request, batch_prompts: int
) -> list[list[str]]:
    """Answers as the model likes; what follows a question's stop text is cut off.

    Chat prompts become one text to be continued. An answer takes half of the context at most, so
    that there is room for the question.
    """
    options = SamplingOptions(
        samples=request.samples,
        temperature=request.sampling.temperature,
        top_p=request.sampling.top_p,
        most_tokens=min(request.sampling.max_tokens, model.context // 2),
        seed=request.seed,
    )
    drawn = sample_texts(model, [question.text for question in questions], options, batch_prompts)
    return [
        [_before(question.stop, text) for text in texts]
        for question, texts in zip(questions, drawn, strict=True)
    ]


def ranked(
    model: LanguageModel,
    questions: Sequence[Prompt],
    completions: Sequence[str],
    options: BeamOptions,
    batch_prompts: int,
) -> list[list[tuple[str, float]]]:
    """The likeliest completions of each question, with their log-probabilities."""
    found, scores = rank_items(
        model,
        catalogue_trie(completions, model.tokenizer),
        [question.text for question in questions],
        options,
        batch_prompts,
    )
    return [
        [(completions[place], score) for place, score in zip(*row, strict=True) if place >= 0]
        for row in zip(found.tolist(), scores.tolist(), strict=True)
    ]


def _before(stop: str | None, text: str) -> str:
    return text.partition(stop)[0] if stop else text
