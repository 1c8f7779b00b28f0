"""Continuations of prompts that are computed together and share what they have in common.

A prompt is encoded once. Its continuations are columns of one row behind it: each sees the prompt
and its own ancestors only, through the attention's mask (tree attention; Miao et al., SpecInfer,
ASPLOS 2024, section 4.2). So keys and values are never repeated or reordered by continuation, which
is most of what beam search costs otherwise.

For networks with attention over the whole text, such as the Llama family; a sliding window is only
kept while the prompt is encoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from llmseqrec.llm.language_model import LanguageModel
from llmseqrec.sessions import LongArray

SLACK = 64  # columns that nobody needs any more are dropped when there are this many


class Branches:
    """Prompts and their continuations, a batch of them.

    Args:
        model: in evaluation mode.
        prompts: token ids, one or more of each.

    Attributes:
        scores: (batch, vocabulary) of the first token after each prompt.
    """

    def __init__(self, model: LanguageModel, prompts: Sequence[Sequence[int]]) -> None:
        self.model = model
        lengths = [len(prompt) for prompt in prompts]
        ids = torch.zeros(len(prompts), max(lengths), dtype=torch.long)
        for row, prompt in enumerate(prompts):
            ids[row, : len(prompt)] = torch.tensor(prompt)
        self.cache: Any = DynamicCache()
        # Padding is on the right, where no token of a prompt sees it.
        done = model.states(ids.to(model.device), past_key_values=self.cache, use_cache=True)
        self.lengths = torch.tensor(lengths, device=model.device)
        rows = torch.arange(len(prompts), device=model.device)
        self.scores = model.scores(done.last_hidden_state[rows, self.lengths - 1])
        self.in_prompt = torch.arange(ids.shape[1], device=model.device) < self.lengths[:, None]
        # (batch, branches, columns behind the prompt): which of them a branch has come through.
        self.ancestors = torch.zeros(len(prompts), 1, 0, dtype=torch.bool, device=model.device)
        self.depth = 0

    def grow(self, parents: LongArray, tokens: LongArray) -> Tensor:
        """Continue branches by a token each; those that are nobody's parent end.

        Args:
            parents: (batch, n) branches of the last call; zeros in the first.
            tokens: (batch, n).

        Returns:
            (batch, n, vocabulary) scores of the next token.
        """
        device, (batch, count) = self.model.device, tokens.shape
        picked = torch.from_numpy(parents).to(device)[:, :, None]
        columns = self.ancestors.shape[2]
        self.ancestors = self.ancestors.gather(1, picked.expand(batch, count, columns))
        self._drop_dead_columns()
        own = torch.eye(count, dtype=torch.bool, device=device).expand(batch, count, count)
        self.ancestors = torch.cat([self.ancestors, own], dim=2)
        states = self.model.states(
            torch.from_numpy(tokens).to(device),
            position_ids=(self.lengths + self.depth)[:, None].expand(batch, count),
            attention_mask=self._mask(),
            past_key_values=self.cache,
            use_cache=True,
        )
        self.depth += 1
        return self.model.scores(states.last_hidden_state)

    def keep(self, rows: LongArray) -> None:
        """Go on with some of the prompts only."""
        kept = torch.from_numpy(rows).to(self.model.device)
        self.lengths, self.in_prompt = self.lengths[kept], self.in_prompt[kept]
        self.ancestors = self.ancestors[kept]
        self.cache.batch_select_indices(kept)

    def _mask(self) -> Tensor:
        """(batch, 1, branches, columns): nought where attention may look, the least number else."""
        count = self.ancestors.shape[1]
        prompt = self.in_prompt[:, None].expand(-1, count, -1)
        seen = torch.cat([prompt, self.ancestors], dim=2)[:, None]
        dtype = self.model.network.dtype
        return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(
            ~seen, torch.finfo(dtype).min
        )

    def _drop_dead_columns(self) -> None:
        """Forget the columns that no branch has come through, once they are many."""
        live = self.ancestors.any(1)
        most = int(live.sum(1).max())
        if live.shape[1] < most + SLACK:
            return
        order = torch.sort(live, dim=1, descending=True, stable=True).indices[:, :most]
        self.ancestors = self.ancestors.gather(
            2, order[:, None].expand(-1, self.ancestors.shape[1], -1)
        )
        width = self.in_prompt.shape[1]
        for layer in self.cache.layers:
            layer.keys = _picked(layer.keys, order, width)
            layer.values = _picked(layer.values, order, width)


def _picked(states: Tensor, order: Tensor, width: int) -> Tensor:
    """The prompt's columns, and some of those behind it: (batch, heads, columns, dim)."""
    batch, heads, _, dim = states.shape
    index = order[:, None, :, None].expand(batch, heads, order.shape[1], dim)
    return torch.cat([states[:, :, :width], states[:, :, width:].gather(2, index)], dim=2)
