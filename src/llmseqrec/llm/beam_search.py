"""Beam search among the completions of a catalogue.

The rules are those of transformers' `generate` (release 5) with a function that allows the trie's
tokens: a step keeps the 2n best continuations of n beams; of these the ended ones among the first n
are results, and the n best others go on; a prompt is done when no beam that goes on can beat the
worst of n results. A score is the sum of log-probabilities over the whole vocabulary, divided by
length ** `length_penalty`. Equal scores are ranked by the rank of the beam, then by token. For
models trained by `name_loss`, log-probabilities are those among the tokens that the trie allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llmseqrec.llm.branches import Branches
from llmseqrec.llm.language_model import LanguageModel
from llmseqrec.llm.trie import Trie
from llmseqrec.sessions import LongArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class BeamOptions:
    """Attributes of a search.

    Attributes:
        beams: n above, and the completions found for a prompt, if there are as many.
        length_penalty: 0 ranks completions by probability, as suits a catalogue; 1 by the mean
            log-probability of a token, the default of `generate`.
        among_names: a token's probability is that among the tokens the trie allows.
    """

    beams: int = 20
    length_penalty: float = 0.0
    among_names: bool = False


@dataclass
class Found:
    """Completions of one prompt, best first."""

    leaves: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    def add(self, leaves: LongArray, scores: FloatArray, most: int) -> None:
        """Merge further ones and keep the best; an earlier one wins a tie."""
        every = np.concatenate([self.scores, scores])
        nodes = np.concatenate([np.array(self.leaves, dtype=np.int64), leaves])
        order = np.argsort(-every, kind="stable")[:most]
        self.leaves, self.scores = nodes[order].tolist(), every[order].tolist()


@dataclass
class _Candidates:
    """Continuations of all beams of all prompts, by prompt and best first."""

    prompt: LongArray
    beam: LongArray
    node: LongArray
    score: FloatArray

    def only(self, kept: NDArray[np.bool_]) -> _Candidates:
        return _Candidates(self.prompt[kept], self.beam[kept], self.node[kept], self.score[kept])

    @property
    def rank(self) -> LongArray:
        """From 0, within the prompt."""
        return np.arange(len(self.prompt)) - np.searchsorted(self.prompt, self.prompt)


@torch.inference_mode()
def search(
    model: LanguageModel, prompts: Sequence[Sequence[int]], trie: Trie, options: BeamOptions
) -> list[Found]:
    """The best completions of a batch of prompts.

    Args:
        model: in evaluation mode.
        prompts: token ids.
        trie: of the completions there are.
        options: how many to look for.
    """
    found = [Found() for _ in prompts]
    branches, most = Branches(model, prompts), options.beams
    open_ = np.arange(len(prompts))  # prompts that are not done; beams count among these
    beams = _Candidates(open_, np.zeros_like(open_), np.zeros_like(open_), np.zeros(len(open_)))
    scores = branches.scores[:, None]
    for length in range(1, trie.depth + 1):
        best = _continued(beams, scores, trie, options.among_names)
        best = best.only(best.rank < 2 * most)
        ended, divisor = trie.is_leaf(best.node), length**options.length_penalty
        results = best.only(ended & (best.rank < most))
        for number in np.unique(results.prompt):
            own = results.only(results.prompt == number)
            found[open_[number]].add(own.node, own.score / divisor, most)
        beams = best.only(~ended)
        beams = beams.only(beams.rank < most)
        going = _unfinished(beams, [found[number] for number in open_], divisor, most)
        if not going.any():
            break
        if not going.all():
            branches.keep(np.flatnonzero(going))
            beams, open_ = beams.only(going[beams.prompt]), open_[going]
            beams.prompt = (np.cumsum(going) - 1)[beams.prompt]
        scores = branches.grow(*_grown(beams, trie, len(open_)))
        beams.beam = beams.rank
    return found


def _continued(beams: _Candidates, scores: Tensor, trie: Trie, among_names: bool) -> _Candidates:
    """Every continuation that the trie allows, by prompt and best first."""
    owner, child = trie.children(beams.node)
    prompt, beam = beams.prompt[owner], beams.beam[owner]
    place = [torch.from_numpy(index).to(scores.device) for index in (prompt, beam)]
    token = torch.from_numpy(trie.tokens[child]).to(scores.device)
    found = scores[(*place, token)]
    if among_names:
        log_probabilities = _log_shares(found.double().cpu().numpy(), owner)
    else:
        normaliser = torch.logsumexp(scores, dim=2)
        log_probabilities = (found - normaliser[tuple(place)]).double().cpu().numpy()
    score = beams.score[owner] + log_probabilities
    order = np.lexsort((-score, prompt))  # stable: ties stay by beam and token
    return _Candidates(prompt[order], beam[order], child[order], score[order])


def _log_shares(scores: FloatArray, owner: LongArray) -> FloatArray:
    """Logarithm of the softmax of scores among those of an owner; owners are in order."""
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    counts = np.diff(np.append(starts, len(owner)))
    centred = scores - np.repeat(np.maximum.reduceat(scores, starts), counts)
    sums = np.add.reduceat(np.exp(centred), starts)
    shares: FloatArray = centred - np.repeat(np.log(sums), counts)
    return shares


def _unfinished(
    beams: _Candidates, found: list[Found], divisor: float, most: int
) -> NDArray[np.bool_]:
    """Which prompts have a beam that may still beat the worst of their results."""
    best = np.full(len(found), -np.inf)
    first = beams.rank == 0
    best[beams.prompt[first]] = beams.score[first] / divisor
    worst = [one.scores[-1] if len(one.scores) == most else -np.inf for one in found]
    unfinished: NDArray[np.bool_] = best > np.array(worst)
    return unfinished


def _grown(beams: _Candidates, trie: Trie, count: int) -> tuple[LongArray, LongArray]:
    """Parents and tokens of the beams, (prompts, beams); where a prompt has fewer, zeros."""
    rank = beams.rank
    shape = count, int(rank.max()) + 1
    parents, tokens = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    parents[beams.prompt, rank] = beams.beam
    tokens[beams.prompt, rank] = trie.tokens[beams.node]
    return parents, tokens
