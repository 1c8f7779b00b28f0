"""The linear autoencoder: its layers, its errors beside PCA's, its seed."""

import numpy as np
import pytest
import torch

from llmseqrec.config import Reduction
from llmseqrec.reduction.affine import Affine
from llmseqrec.reduction.autoencoder import fit_autoencoder, hidden_widths
from tests.unit.text_like import DIM, text_like

LONG = {"dimensions": 3, "epochs": 300, "learning_rate": 0.01, "batch_size": 64}


def fit(vectors: np.ndarray | None = None, **options: object) -> Affine:
    step = Reduction(method="autoencoder", normalise=False, **options)
    return fit_autoencoder(text_like() if vectors is None else vectors, step)


def pca_error(vectors: np.ndarray, dimensions: int) -> float:
    """Mean squared error of the best reconstruction from that many dimensions."""
    centred = vectors.astype(float) - vectors.astype(float).mean(axis=0)
    singular = np.linalg.svd(centred, compute_uv=False)
    return float(np.square(singular[dimensions:]).sum() / vectors.size)


@pytest.mark.parametrize(
    ("inputs", "code", "expected"),
    [(1536, 512, [1024]), (768, 512, []), (1536, 128, [1024, 512, 256]), (384, 192, [384])],
)
def test_hidden_layers_of_the_study(inputs: int, code: int, expected: list[int]) -> None:
    assert hidden_widths(inputs, code) == expected


def test_the_error_converges_to_that_of_pca() -> None:
    vectors = text_like()
    best = pca_error(vectors, 3)
    error = fit(**LONG).report["reconstruction_error"]
    assert best * 0.999 <= error <= best * 1.05
    assert fit(dimensions=3, epochs=1).report["reconstruction_error"] > 2 * best


def test_the_code_spans_the_principal_directions() -> None:
    vectors = text_like().astype(float)
    centred = vectors - vectors.mean(axis=0)
    principal = np.linalg.svd(centred, full_matrices=False)[0][:, :3]
    codes = fit(**LONG).apply(vectors)
    spanned = np.linalg.qr(codes - codes.mean(axis=0))[0]
    angles = np.linalg.svd(principal.T @ spanned, compute_uv=False)
    assert angles.min() > 0.98


def test_explained_variance_is_of_the_reconstruction() -> None:
    vectors = text_like()
    report = fit(**LONG).report
    variance = vectors.astype(float).var(axis=0).mean()
    assert report["explained_variance"] == pytest.approx(
        1 - report["reconstruction_error"] / variance
    )
    assert report["explained_variance"] > 0.5


def test_a_seed_decides_everything() -> None:
    torch.manual_seed(0)
    first = fit(dimensions=3, seed=1)
    torch.manual_seed(9)
    torch.rand(5)
    again, other = fit(dimensions=3, seed=1), fit(dimensions=3, seed=2)
    assert first.matrix.tobytes() == again.matrix.tobytes()
    assert not np.allclose(first.matrix, other.matrix)


def test_random_numbers_of_others_are_left_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    fit(dimensions=3)
    assert torch.equal(torch.rand(3), expected)


def test_l2_shrinks_the_encoder() -> None:
    plain, damped = fit(**LONG), fit(**LONG, l2=0.01)
    assert np.linalg.norm(damped.matrix) < 0.9 * np.linalg.norm(plain.matrix)
    assert damped.report["reconstruction_error"] > plain.report["reconstruction_error"]


def test_the_shift_is_that_of_the_biases() -> None:
    """A zero vector is encoded to what the biases of the layers make of it."""
    affine = fit(**LONG)
    assert affine.shift is not None
    np.testing.assert_allclose(affine.apply(np.zeros((1, DIM)))[0], affine.shift)
    assert np.abs(affine.shift).max() > 0
