"""The trie of completions against sets of prefixes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmseqrec.llm.trie import Trie

END = 0
ROWS = st.lists(st.lists(st.integers(1, 4), max_size=5), min_size=1, max_size=30)


def completions_of(trie: Trie) -> dict[tuple[int, ...], list[int]]:
    """Every way from the root to a leaf, with the items there."""
    ways, found = {0: ()}, {}
    while ways:
        node, way = ways.popitem()
        if trie.is_leaf(np.array([node]))[0]:
            found[way] = trie.items_at(node).tolist()
        owners, children = trie.children(np.array([node]))
        assert (owners == 0).all()
        ways |= {int(child): (*way, int(trie.tokens[child])) for child in children}
    return found


@given(ROWS)
def test_its_ways_are_the_completions_and_equal_ones_share_a_leaf(rows):
    completions = [[*row, END] for row in rows]
    expected: dict[tuple[int, ...], list[int]] = {}
    for item, row in enumerate(completions):
        expected.setdefault(tuple(row), []).append(item)
    trie = Trie.of(completions, np.arange(len(rows), dtype=np.int32))
    assert completions_of(trie) == expected
    assert trie.depth == max(map(len, completions))
    prefixes = {tuple(row[:size]) for row in completions for size in range(len(row) + 1)}
    assert len(trie.tokens) == len(prefixes)


@given(ROWS)
def test_children_of_many_nodes_come_by_node_and_token(rows):
    trie = Trie.of([[*row, END] for row in rows], np.arange(len(rows), dtype=np.int32))
    nodes = np.arange(len(trie.tokens))[::-1]
    owners, children = trie.children(nodes)
    assert (np.diff(owners) >= 0).all()
    same = np.diff(owners) == 0
    assert (np.diff(trie.tokens[children])[same] > 0).all()
    assert sorted(children) == list(range(1, len(trie.tokens)))  # each has one parent


def test_items_need_not_be_numbered_from_nought():
    trie = Trie.of([[5, END], [3, END], [5, END]], np.array([9, 4, 2], dtype=np.int32))
    assert completions_of(trie) == {(5, END): [2, 9], (3, END): [4]}


def test_what_is_no_catalogue_is_refused():
    with pytest.raises(ValueError, match="needs completions"):
        Trie.of([], np.array([], dtype=np.int32))
    with pytest.raises(ValueError, match="beginning of another"):
        Trie.of([[1], [1, 2]], np.arange(2, dtype=np.int32))
