"""A loss among the names of a catalogue: a token competes with those that go on with a name.

The probability of a name is a product over the tree of names: at each node, of the child that the
name takes among all children (a hierarchical softmax, Morin and Bengio, AISTATS 2005, whose tree is
that of the names' tokens). What it knows is the answer held to the catalogue; a name that it
writes freely means little. Spelling is learned beside (`spelling_loss`), since a model from nothing
that is told of choices alone does not find out which tokens make a name: its loss stays that of
popularity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from llmseqrec.llm.pairs import EncodedPairs
from llmseqrec.llm.tokenizer import TextTokenizer
from llmseqrec.llm.trie import Trie
from llmseqrec.nn.fused import linear_cross_entropy
from llmseqrec.sessions import LongArray

NO_CHOICE = -1
TOKEN_STEP = 256  # oneDNN keeps megabytes for every shape of a product


Paths = dict[tuple[int, ...], LongArray]


def name_paths(trie: Trie, names: Sequence[str], tokenizer: TextTokenizer) -> Paths:
    """By the tokens of a name without the end token: the child taken at each, end included.

    Args:
        trie: of the names.
        names: that completions and lines may hold.
        tokenizer: the trie's.
    """
    found = {}
    for ids in tokenizer.completions(names):
        path, node = np.empty(len(ids), dtype=np.int64), 0
        for place, token in enumerate(ids):
            first, last = trie.first_child[node], trie.first_child[node + 1]
            node = int(first + np.searchsorted(trie.tokens[first:last], token))
            path[place] = node if last - first > 1 else NO_CHOICE
        found[tuple(ids[:-1])] = path
    return found


def with_choices(pairs: EncodedPairs, paths: Paths, tokenizer: TextTokenizer) -> EncodedPairs:
    """Pairs whose targets are children of the tree's nodes instead of tokens.

    What counts are lines of prompts, and completions, that are names; in them the tokens that have
    an alternative. The end of a name is the end token in a completion, and in a prompt whatever
    ends the line.

    Args:
        pairs: with tokens as targets.
        paths: of the names.
        tokenizer: theirs.
    """
    ends = {pairs.end, *tokenizer.separator, *_line_break(tokenizer)}
    choices = np.full(len(pairs.ids), NO_CHOICE, dtype=np.int64)
    tokens, begin = pairs.ids.tolist(), 0
    closing = np.flatnonzero(np.isin(pairs.ids, list(ends)))
    for end in closing.tolist():
        path = paths.get(tuple(tokens[begin:end]))
        if path is not None:
            choices[begin : end + 1] = path
        begin = end + 1
    return replace(pairs, targets=choices)


def _line_break(tokenizer: TextTokenizer) -> list[int]:
    """The token of a line break, where it is one token."""
    ids = tokenizer.completions(["\n"])[0][:-1]
    return ids if len(ids) == 1 else []


class NameLoss:
    """Mean cross-entropy of choices.

    Args:
        trie: of the names.
        table: (vocabulary, dim) weights of the last layer.
    """

    def __init__(self, trie: Trie, table: Tensor) -> None:
        self.trie = trie
        self.table = table
        self.parents = np.searchsorted(trie.first_child, np.arange(len(trie.tokens)), "right") - 1
        self.first_tokens = self._tokens(np.arange(trie.first_child[0], trie.first_child[1]))

    def __call__(self, states: Tensor, choices: Tensor) -> Tensor:
        """The loss.

        Args:
            states: (n, dim), from which the choices are made.
            choices: (n,) nodes of the trie, each with siblings.
        """
        nodes = choices.cpu().numpy()
        at_root = self.parents[nodes] == 0
        first, others = (
            torch.from_numpy(np.flatnonzero(which)).to(states.device)
            for which in (at_root, ~at_root)
        )
        total = states.new_zeros(())
        if len(first):
            total = total + len(first) * self._of_first(_rows(states, first), choices[first])
        if len(others):
            total = total + self._of_others(_rows(states, others), nodes[~at_root])
        return total / len(nodes)

    def _of_first(self, states: Tensor, choices: Tensor) -> Tensor:
        """Mean loss of names' first tokens, among all of them."""
        table = _rows(self.table, self.first_tokens)  # (first tokens, dim)
        return linear_cross_entropy(states, table, choices - int(self.trie.first_child[0]))

    def _of_others(self, states: Tensor, nodes: LongArray) -> Tensor:
        """Summed loss of later tokens; a node has few children, so each is scored by itself."""
        parents = self.parents[nodes]
        owner, children = self.trie.children(parents)
        picked = torch.from_numpy(owner).to(states.device)
        vectors = _rows(self.table, self._tokens(children))  # (children, dim)
        scores = (_rows(states, picked) * vectors).sum(1)  # (children,)
        taken = torch.from_numpy(np.flatnonzero(children == nodes[owner])).to(states.device)
        return (_log_sums(scores, picked, len(nodes)) - scores[taken]).sum()

    def _tokens(self, nodes: LongArray) -> Tensor:
        return torch.from_numpy(self.trie.tokens[nodes]).to(self.table.device)


def spelling_loss(
    states: Tensor,
    ids: Tensor,
    end: int,
    table: Tensor,
    product_dtype: torch.dtype | None = None,
) -> Tensor:
    """Mean cross-entropy of every next token, among the tokens of the batch.

    The lowest other tokens fill these up to a multiple of `TOKEN_STEP`.

    Args:
        states: (batch, length, dim).
        ids: (batch, length), filled up with the end token.
        end: the end token, the last that counts.
        table: (vocabulary, dim) weights of the last layer.
        product_dtype: of `linear_cross_entropy`.
    """
    places = torch.nonzero(ids[:, :-1] != end)  # (n, 2)
    flat = places[:, 0] * ids.shape[1] + places[:, 1]
    wanted = ids.flatten()[flat + 1]
    there = torch.zeros(len(table), dtype=torch.bool, device=ids.device).index_fill_(0, wanted, 1)
    count = int(there.sum())
    others = torch.nonzero(~there)[: -count % TOKEN_STEP, 0]
    tokens = torch.nonzero(there.index_fill_(0, others, 1))[:, 0]
    picked = _rows(states.flatten(0, 1), flat).float()
    targets = torch.searchsorted(tokens, wanted)
    return linear_cross_entropy(picked, _rows(table, tokens), targets, product_dtype=product_dtype)


def _rows(table: Tensor, index: Tensor) -> Tensor:
    """Rows of a table; the gradient of a look-up is deterministic on several threads."""
    return functional.embedding(index, table)


def _log_sums(scores: Tensor, owner: Tensor, count: int) -> Tensor:
    """(count,) log of the sum of exponentials of each owner's scores."""
    highest = scores.detach().new_full((count,), -torch.inf)
    highest = highest.scatter_reduce(0, owner, scores.detach(), "amax")
    sums = torch.zeros_like(highest).index_add(0, owner, (scores - highest[owner]).exp())
    return sums.log() + highest
