"""SKNNEmb: neighbours of no similarity, and what it needs."""

from typing import Any

import numpy as np
import pytest

from llmseqrec.errors import InputError
from llmseqrec.models.base import Catalogue
from llmseqrec.models.parameters import SKNNEmbParameters
from llmseqrec.models.sknn_emb import SKNNEmb
from tests.unit.test_sknn import sessions_of

TRAIN = sessions_of([[0, 1], [0, 2], [3, 0]], ends=[1, 2, 3])
VECTORS = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=np.float32)


def fitted(vectors: np.ndarray | None, **parameters: Any) -> SKNNEmb:
    model = SKNNEmb(SKNNEmbParameters(**parameters), Catalogue(4, vectors))
    model.fit(TRAIN)
    return model


def test_neighbours_of_no_similarity_list_their_items() -> None:
    items, scores = fitted(VECTORS).recommend(sessions_of([[3]]), 4)  # a prompt without a vector
    assert items[0].tolist() == [0, -1, -1, -1]
    assert scores[0, 0] == 0


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_similarity_is_that_of_the_means(similarity: str) -> None:
    scores = fitted(VECTORS, similarity=similarity).score_batch(sessions_of([[0]]))[0]
    means = np.array([[0.5, 0.5], [1, 0.5], [0.5, 0]])
    expected = means[:, 0].copy()
    if similarity == "cosine":
        expected /= np.linalg.norm(means, axis=1)
    np.testing.assert_allclose(scores[[1, 2, 3]], expected, rtol=1e-6)


def test_it_needs_vectors() -> None:
    with pytest.raises(InputError, match=r"^sknn_emb: needs item vectors"):
        fitted(None)
