"""Batches by tokens: every text once, never over the budget, longest first."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from llmseqrec.embeddings.token_batches import cut, token_batches


@given(st.lists(st.integers(0, 300)), st.integers(1, 600), st.integers(1, 10))
def test_batches_hold_every_text_once_within_their_bounds(
    lengths: list[int], tokens: int, texts: int
) -> None:
    counts = np.array(lengths, dtype=np.intp)
    batches = list(token_batches(counts, tokens, texts))
    rows = [row for batch in batches for row in batch]
    assert sorted(rows) == list(range(len(lengths)))
    assert (np.diff(counts[rows]) <= 0).all()
    for batch in batches:
        assert 1 <= len(batch) <= texts
        assert len(batch) == 1 or counts[batch].max() * len(batch) <= tokens


def test_a_batch_is_as_full_as_it_can_be() -> None:
    lengths = np.array([5, 5, 10, 4, 5])
    assert [batch.tolist() for batch in token_batches(lengths, 10, 9)] == [[2], [0, 1], [4, 3]]


def test_padding_on_either_side_is_cut() -> None:
    ids = torch.arange(12).reshape(3, 4)
    left = torch.tensor([[0, 0, 1, 1], [0, 0, 0, 1], [1, 1, 1, 1]])
    for mask, expected in ((left, [[2, 3], [6, 7]]), (left.flip(1), [[0, 1], [4, 5]])):
        features = {"input_ids": ids, "attention_mask": mask, "modality": "text"}
        some = cut(features, np.array([0, 1]))
        assert some["input_ids"].tolist() == expected
        assert some["modality"] == "text"
