"""Free sampling: what a model writes of its own accord, inside the catalogue or not.

The chance of a prompt's samples follows from the seed and the prompt's tokens alone, so that the
same prompt gets the same texts in any batch, and after a restart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from llmseqrec.llm.branches import Branches
from llmseqrec.llm.language_model import LanguageModel
from llmseqrec.sessions import LongArray

MOST_LIKELY = 256  # tokens that are looked at first for a nucleus


@dataclass(frozen=True)
class SamplingOptions:
    """How texts are drawn.

    Attributes:
        samples: texts of each prompt.
        temperature: divides the scores; 0 takes the likeliest token, the lowest of equal ones.
        top_p: draw among the likeliest tokens that together have this probability (Holtzman et
            al., arXiv 1904.09751).
        most_tokens: of a text; the end token counts.
        seed: of the chance.
    """

    samples: int = 20
    temperature: float = 1.0
    top_p: float = 1.0
    most_tokens: int = 64
    seed: int = 0


@torch.inference_mode()
def sample(
    model: LanguageModel, prompts: Sequence[Sequence[int]], options: SamplingOptions
) -> list[list[list[int]]]:
    """Samples of a batch of prompts: token ids, by prompt and sample, without the end token.

    A text that reaches `most_tokens` ends there.
    """
    chance = np.stack([_chance(prompt, options) for prompt in prompts])  # (batch, samples, tokens)
    branches, end = Branches(model, prompts), model.tokenizer.end
    batch, count = len(prompts), options.samples
    written = np.full((batch, count, options.most_tokens), end, dtype=np.int64)
    open_, parents = np.arange(batch), np.zeros((batch, count), dtype=np.int64)
    scores = branches.scores[:, None].expand(-1, count, -1)
    for length in range(options.most_tokens):
        drawn = torch.from_numpy(chance[open_, :, length]).to(scores.device)
        tokens = draw(scores, drawn, options.temperature, options.top_p).cpu().numpy()
        ended = (written[open_, :, :length] == end).any(2)
        tokens[ended] = end
        written[open_, :, length] = tokens
        going = (tokens != end).any(1)
        if not going.any() or length == options.most_tokens - 1:
            break
        if not going.all():
            branches.keep(np.flatnonzero(going))
            open_, tokens, parents = open_[going], tokens[going], parents[going]
        scores = branches.grow(parents, tokens)
        parents = np.broadcast_to(np.arange(count), tokens.shape).copy()
    return [[_before(end, text) for text in texts] for texts in written]


def draw(scores: Tensor, chance: Tensor, temperature: float, top_p: float) -> Tensor:
    """Tokens from scores.

    Args:
        scores: (..., vocabulary).
        chance: (...) uniform in [0, 1).
        temperature: see `SamplingOptions`.
        top_p: see `SamplingOptions`.

    Returns:
        (...) token ids.
    """
    if temperature == 0:
        # numpy takes the first of equal ones; torch promises nothing.
        return torch.from_numpy(scores.cpu().numpy().argmax(-1)).to(scores.device)
    probabilities = torch.softmax(scores.double() / temperature, dim=-1)
    if top_p >= 1:
        return _inverse(probabilities, chance)
    likeliest, tokens = _nucleus(probabilities, top_p)
    return tokens.gather(-1, _inverse(likeliest, chance)[..., None])[..., 0]


def _nucleus(probabilities: Tensor, top_p: float) -> tuple[Tensor, Tensor]:
    """The likeliest tokens, best first, with nought for those beyond `top_p`."""
    size, looked_at = probabilities.shape[-1], MOST_LIKELY
    while True:
        values, tokens = probabilities.topk(min(looked_at, size), dim=-1)
        before = values.cumsum(-1) - values
        if looked_at >= size or bool((before[..., -1] >= top_p).all()):
            return values.masked_fill(before >= top_p, 0.0), tokens
        looked_at *= 8


def _inverse(weights: Tensor, chance: Tensor) -> Tensor:
    """Where the running sum of weights first exceeds a share of the whole."""
    sums = weights.cumsum(-1)
    wanted = chance.to(sums.dtype)[..., None] * sums[..., -1:]
    places = torch.searchsorted(sums, wanted, right=True)[..., 0]
    return places.clamp_(max=weights.shape[-1] - 1)


def _chance(prompt: Sequence[int], options: SamplingOptions) -> np.ndarray:
    """(samples, tokens) uniform numbers of a prompt."""
    name = hashlib.blake2b(np.asarray(prompt, dtype=np.int64).tobytes(), digest_size=8).digest()
    rng = np.random.default_rng([options.seed, int.from_bytes(name, "little")])
    return rng.random((options.samples, options.most_tokens))


def _before(end: int, tokens: LongArray) -> list[int]:
    ids: list[int] = tokens.tolist()
    return ids[: ids.index(end)] if end in ids else ids
