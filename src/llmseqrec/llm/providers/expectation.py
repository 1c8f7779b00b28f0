"""What a paid provider will send, and what that will cost, before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llmseqrec.llm.prompts import Prompt
from llmseqrec.llm.providers.base import Request, TuningFiles
from llmseqrec.llm.providers.paid import PaidProvider
from llmseqrec.services.prices import usd
from llmseqrec.services.tokens import estimated_tokens


@dataclass(frozen=True)
class Expected:
    """What is still to be bought.

    Attributes:
        requests: to be sent; a fine-tuning job is one.
        tokens: a cautious estimate, of questions and answers together.
        usd: their price, None where it is unknown.
        sample: one of the texts.
    """

    requests: int
    tokens: int
    usd: float | None
    sample: str = ""


NOTHING = Expected(0, 0, 0.0)


def expected_training(provider: PaidProvider[Any], files: TuningFiles, seed: int) -> Expected:
    """A job on some files; nothing where it is done, under way or bought already."""
    job = provider.job(files, seed)
    if job.path.is_file():
        return NOTHING
    lines = job.content.training.decode().splitlines()
    tokens = sum(map(estimated_tokens, lines)) * job.epochs
    return Expected(1, tokens, usd(tokens, job.usd_per_million), lines[0] if lines else "")


def expected_answers(
    provider: PaidProvider[Any],
    model: str | None,
    prompts: Sequence[Prompt],
    request: Request,
    answer_tokens: float,
) -> Expected:
    """Requests for answers that the cache lacks.

    Args:
        provider: who answers.
        model: who is asked; None: a fine-tuned model that is not there yet.
        prompts: the questions.
        request: how many answers, and how.
        answer_tokens: of one answer, on average.
    """
    asked = model or f"{provider.settings.model} (fine-tuned)"
    parts = [question for prompt in prompts for question in provider.parts(asked, prompt, request)]
    missing = provider.access.completions.missing(parts)
    if not missing:
        return NOTHING
    share = len(missing) / len(parts)
    # A question counts once a request, whatever the number of answers that are drawn.
    questions = sum(estimated_tokens(question.request) for question in missing)
    answers = round(len(prompts) * request.samples * answer_tokens * share)
    price = provider.tariff(asked).usd(questions, answers)
    return Expected(len(missing), questions + answers, price, prompts[0].text)
