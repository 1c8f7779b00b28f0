"""The completions of a catalogue as a tree of tokens, in flat arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llmseqrec.sessions import IntArray, LongArray


@dataclass(frozen=True)
class Trie:
    """Token sequences that share their beginnings.

    Nodes are numbered level by level, children of a node in the order of their tokens: the children
    of node i are first_child[i] .. first_child[i + 1] - 1. Node 0 is the root. Every sequence ends
    with an end token, so those of items are leaves, even where a title begins another one.

    Attributes:
        tokens: (n,) the token of each node; -1 for the root.
        first_child: (n + 1,) see above.
        items: items in the order of their leaves, lowest first where a leaf has several.
        first_item: (n + 1,) the items of node i are items[first_item[i] : first_item[i + 1]].
        depth: tokens of the longest sequence.
    """

    tokens: LongArray
    first_child: LongArray
    items: IntArray
    first_item: LongArray
    depth: int

    @classmethod
    def of(cls, completions: Sequence[Sequence[int]], items: IntArray) -> Trie:
        """A trie of the items' completions, end token included; equal ones share a leaf.

        Raises:
            ValueError: no completions, or one that is the beginning of another.
        """
        if not len(completions):
            raise ValueError("a trie needs completions")
        lengths = np.array([len(row) for row in completions])
        starts = np.cumsum(lengths) - lengths
        ids = np.array([token for row in completions for token in row], dtype=np.int64)
        node, count, size = np.zeros(len(items), np.int64), 1, int(ids.max()) + 1
        tokens, parents = [np.array([-1])], [np.array([-1])]
        for level in range(int(lengths.max())):
            there = np.flatnonzero(lengths > level)
            steps = node[there] * size + ids[starts[there] + level]
            made, which = np.unique(steps, return_inverse=True)
            node[there] = count + which
            parents.append(made // size)
            tokens.append(made % size)
            count += len(made)
        order = np.lexsort((items, node))
        nodes = np.arange(count + 1)
        trie = cls(
            np.concatenate(tokens),
            np.searchsorted(np.concatenate(parents)[1:], nodes) + 1,
            np.asarray(items, dtype=np.int32)[order],
            np.searchsorted(node[order], nodes),
            int(lengths.max()),
        )
        if not trie.is_leaf(node).all():
            raise ValueError("a completion is the beginning of another; end tokens are missing")
        return trie

    def is_leaf(self, nodes: LongArray) -> np.ndarray:
        """Which nodes end a completion."""
        leaf: np.ndarray = self.first_child[nodes] == self.first_child[nodes + 1]
        return leaf

    def children(self, nodes: LongArray) -> tuple[LongArray, LongArray]:
        """Children of nodes, by node and token.

        Returns:
            The place in `nodes` of each child's parent, and the child.
        """
        first = self.first_child[nodes]
        counts = self.first_child[nodes + 1] - first
        owner = np.repeat(np.arange(len(nodes)), counts)
        ends = np.cumsum(counts)
        return owner, np.arange(len(owner)) + np.repeat(first - (ends - counts), counts)

    def items_at(self, node: int) -> IntArray:
        """Items of a leaf."""
        return self.items[self.first_item[node] : self.first_item[node + 1]]
