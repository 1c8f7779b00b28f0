"""Pairs of prompt and completion, as token ids and as batches of like length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from llmseqrec.errors import InputError
from llmseqrec.llm.tokenizer import TextTokenizer
from llmseqrec.sessions import IntArray, LongArray

POOL = 50  # batches whose rows are sorted by length together
# Rows are filled up to a multiple of this: oneDNN keeps megabytes for every shape of a product.
STEP = 16


@dataclass(frozen=True)
class Pair:
    """What a model is given, and what it is to answer."""

    prompt: str
    completion: str


@dataclass(frozen=True)
class Batch:
    """Rows of tokens, padded on the right.

    Attributes:
        ids: (batch, length) token ids.
        positions: (n,) places in the flattened states, (batch * length, dim), from which a token is
            predicted that counts.
        targets: (n,) those tokens, or what stands for them in the pairs' targets.
    """

    ids: Tensor
    positions: Tensor
    targets: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return Batch(*(part.to(device) for part in (self.ids, self.positions, self.targets)))


@dataclass(frozen=True)
class EncodedPairs:
    """Tokens of pairs as compressed rows.

    Attributes:
        offsets: (n + 1,) where each pair starts in `ids`.
        ids: (nnz,) prompt and completion.
        prompt_lengths: (n,) tokens of each pair's prompt.
        end: id that fills up a batch; what follows a row's own tokens never counts.
        targets: (nnz,) what is learned at each token, none where it is negative; None: the tokens.
    """

    offsets: LongArray
    ids: IntArray
    prompt_lengths: LongArray
    end: int
    targets: LongArray | None = None

    @classmethod
    def of(
        cls, pairs: Sequence[Pair], tokenizer: TextTokenizer, most_tokens: int = 1024
    ) -> EncodedPairs:
        """Encode pairs; of a prompt that is too long the last tokens are kept.

        Raises:
            InputError: a completion alone is too long.
        """
        prompts = tokenizer.prompts([pair.prompt for pair in pairs])
        completions = tokenizer.completions([pair.completion for pair in pairs])
        for number, completion in enumerate(completions):
            if len(completion) >= most_tokens:
                raise InputError(
                    f"pair {number}: its completion has {len(completion)} tokens, more than"
                    f" the {most_tokens - 1} there is room for"
                )
        kept = [
            tokenizer.cut(prompt, most_tokens - len(completion))
            for prompt, completion in zip(prompts, completions, strict=True)
        ]
        rows = [prompt + completion for prompt, completion in zip(kept, completions, strict=True)]
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
        ids = np.array([token for row in rows for token in row], dtype=np.int32)
        return cls(offsets, ids, np.array([len(p) for p in kept], dtype=np.int64), tokenizer.end)

    def __len__(self) -> int:
        return len(self.prompt_lengths)

    @property
    def lengths(self) -> LongArray:
        """(n,) tokens of each pair."""
        return np.diff(self.offsets)

    def batch(self, rows: LongArray, *, whole: bool = False) -> Batch:
        """A batch of pairs.

        Args:
            rows: which.
            whole: the tokens of prompts count too, not only those of completions.
        """
        lengths = self.lengths[rows]
        longest = -(-int(lengths.max()) // STEP) * STEP
        column = np.arange(longest)
        filled = column < lengths[:, None]
        own = np.concatenate([np.arange(*self.offsets[[row, row + 1]]) for row in rows])
        ids = np.full((len(rows), longest), self.end, dtype=np.int64)
        ids[filled] = self.ids[own]
        targets = ids if self.targets is None else np.full_like(ids, -1)
        if self.targets is not None:
            targets[filled] = self.targets[own]
        first = np.ones(len(rows)) if whole else self.prompt_lengths[rows]
        predicted = filled & (column >= np.maximum(first, 1)[:, None]) & (targets >= 0)
        places = np.flatnonzero(predicted)  # a token is predicted from the place before it
        return Batch(
            torch.from_numpy(ids),
            torch.from_numpy(places - 1),
            torch.from_numpy(targets.ravel()[places]),
        )


def batch_rows(
    lengths: LongArray, most_tokens: int, rng: np.random.Generator | None = None
) -> Iterator[LongArray]:
    """Rows of each batch; a batch has `most_tokens` at most, padding included, or a single row.

    Rows are shuffled, pools of them sorted by length and cut into batches, and those shuffled: so
    little is padded, and what is together in a batch still changes from epoch to epoch. Without a
    generator the rows are sorted once, the same each time.
    """
    if rng is None:
        yield from _cut(np.argsort(lengths, kind="stable"), lengths, most_tokens)
        return
    order = rng.permutation(len(lengths))
    in_pool = max(1, POOL * most_tokens // max(1, int(lengths.mean())))
    for start in range(0, len(order), in_pool):
        pool = order[start : start + in_pool]
        batches = _cut(pool[np.argsort(lengths[pool], kind="stable")], lengths, most_tokens)
        yield from (batches[number] for number in rng.permutation(len(batches)))


def _cut(ordered: LongArray, lengths: LongArray, most_tokens: int) -> list[LongArray]:
    """Rows by ascending length, cut into batches that hold the most rows there is room for."""
    cuts, begin = [], 0
    for place, row in enumerate(ordered):
        if place > begin and (place - begin + 1) * lengths[row] > most_tokens:
            cuts.append(place)
            begin = place
    return np.split(ordered, cuts)
