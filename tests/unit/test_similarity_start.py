"""A network started as similarity ranks, untrained, by the items of the session."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from llmseqrec.models.parameters import SASRecParameters
from llmseqrec.nn.bert4rec import BERT4Rec
from llmseqrec.nn.item_table import ItemTable
from llmseqrec.nn.layers import TransformerShape
from llmseqrec.nn.sasrec import SASRec
from llmseqrec.nn.similarity_start import start_as_similarity

N_ITEMS, DIM = 40, 32
SHAPE = TransformerShape(max_length=6, layers=1, heads=2, dropout=0.5, linear_head=True)


def unit_vectors(n_rows: int) -> torch.Tensor:
    drawn = torch.randn(n_rows, DIM, generator=torch.Generator().manual_seed(1))
    centred = drawn - drawn.mean(dim=1, keepdim=True)
    return functional.normalize(centred)


def started(kind: type[SASRec] | type[BERT4Rec]) -> SASRec | BERT4Rec:
    network = kind(ItemTable(unit_vectors(N_ITEMS + 1)), SHAPE, torch.Generator().manual_seed(2))
    start_as_similarity(network, 8.0)
    return network.eval()


@torch.no_grad()
def test_sasrec_starts_as_the_last_item_and_the_mean():
    network, vectors = started(SASRec), unit_vectors(N_ITEMS + 1)
    rows = torch.tensor([[-1, -1, -1, 3, 9, 5], [7, 8, 9, 10, 11, 12]])
    expected = [
        8.0 * (vectors[row[-1]] + vectors[row[row >= 0]].mean(dim=0)) for row in rows.unbind()
    ]
    # layer norm's epsilon is felt at such short vectors
    torch.testing.assert_close(network(rows)[:, -1], torch.stack(expected), atol=0.02, rtol=0.02)


@torch.no_grad()
def test_bert4rec_starts_as_the_mean():
    network, vectors = started(BERT4Rec), unit_vectors(N_ITEMS + 1)
    rows = torch.tensor([[-1, -1, 3, 9, 5, N_ITEMS], [7, 8, 9, 10, 11, N_ITEMS]])
    found = network(rows)[:, -1]
    mean = torch.stack([vectors[[3, 9, 5]].mean(dim=0), vectors[7:12].mean(dim=0)])
    np.testing.assert_allclose(functional.cosine_similarity(found, mean), 1.0, atol=1e-4)
    np.testing.assert_allclose(found.norm(dim=1), 8.0, rtol=0.05)


def test_similarity_needs_vectors_of_either_sign():
    with pytest.raises(ValueError, match="similarity needs linear_head: true"):
        SASRecParameters(start="similarity")
