"""Reductions of one step: equal to scikit-learn's, capped aloud, told of in a report."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.random_projection import GaussianRandomProjection

from llmseqrec.config import Reduction
from llmseqrec.errors import InputError
from llmseqrec.reduction.affine import Affine
from llmseqrec.reduction.linear import fit_lda, fit_pca, fit_random_projection
from llmseqrec.reduction.spread import effective_rank, mean_cosine
from llmseqrec.registry import REDUCERS, load
from tests.unit.text_like import CLASSES, DIM, RANK, N, text_like

UNCENTRED = ("random_projection", "none")


def fit(method: str, vectors: np.ndarray, **options: object) -> Affine:
    return load(REDUCERS[method])(vectors, Reduction(method=method, **options), CLASSES)


def cosines(vectors: np.ndarray) -> np.ndarray:
    return vectors @ vectors.T


@pytest.mark.parametrize("shape", [(N, DIM), (9, DIM)])
def test_pca_equals_scikit_learn(shape: tuple[int, int]) -> None:
    vectors = text_like()[: shape[0]]
    affine = fit_pca(vectors, Reduction(method="pca", dimensions=5, normalise=False))
    expected = PCA(5, svd_solver="full").fit_transform(vectors.astype(np.float64))
    np.testing.assert_allclose(affine.transform(vectors), expected, atol=1e-6)


def test_lda_equals_scikit_learn_but_for_signs() -> None:
    vectors = text_like()
    affine = fit_lda(vectors, Reduction(method="lda", normalise=False), CLASSES)
    expected = LinearDiscriminantAnalysis().fit_transform(vectors.astype(np.float64), CLASSES)
    reduced = affine.transform(vectors)
    assert reduced.shape == (N, 4)
    np.testing.assert_allclose(np.abs(reduced), np.abs(expected), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(cosines(reduced), cosines(expected), rtol=1e-4, atol=1e-4)


def test_random_projection_equals_scikit_learn() -> None:
    vectors = text_like()
    reduction = Reduction(method="random_projection", dimensions=7, seed=4, normalise=False)
    expected = GaussianRandomProjection(7, random_state=4).fit_transform(vectors)
    affine = fit_random_projection(vectors, reduction)
    np.testing.assert_allclose(affine.transform(vectors), expected, atol=1e-5)
    other = fit_random_projection(vectors, reduction.model_copy(update={"seed": 5}))
    assert not np.allclose(other.matrix, affine.matrix)


@pytest.mark.parametrize("method", REDUCERS)
def test_rows_are_unit_finite_and_repeatable(method: str) -> None:
    vectors = text_like(rank=RANK)
    vectors[3] = 0  # an item without a text
    affine = fit(method, vectors)
    reduced = affine.transform(vectors)
    norms = np.linalg.norm(reduced, axis=1)
    assert reduced.dtype == np.float32
    np.testing.assert_allclose(np.delete(norms, 3), 1, atol=1e-6)
    expected = 0 if method in UNCENTRED else 1  # centring moves a zero row
    assert norms[3] == pytest.approx(expected, abs=1e-6)
    assert fit(method, vectors).transform(vectors).tobytes() == reduced.tobytes()


@pytest.mark.parametrize(
    ("method", "possible"),
    [
        ("pca", DIM),
        ("pca_whitening", DIM),
        ("lda", 4),
        ("random_projection", DIM),
        ("autoencoder", DIM),
    ],
)
def test_dimensions_are_capped_and_logged(
    method: str, possible: int, caplog: pytest.LogCaptureFixture
) -> None:
    affine = fit(method, text_like(), dimensions=512)
    assert affine.matrix.shape == (DIM, possible)
    assert (affine.report["dimensions_asked"], affine.report["dimensions"]) == (512, possible)
    message = f"{method}: 512 dimensions asked for, {possible} possible, {possible} it is"
    assert caplog.messages == [message]


def test_report_of_what_a_reduction_did() -> None:
    report = fit("pca", text_like(), dimensions=2).report
    assert report["fitted_on"] == N
    assert 0.5 < report["explained_variance"] < 1
    assert report["effective_rank"] <= 2 < report["effective_rank_before"]
    assert report["mean_cosine_before"] > 0.5
    assert abs(report["mean_cosine"]) < 0.05


def test_spread_measures_on_known_vectors() -> None:
    axes = np.vstack([np.eye(4), -np.eye(4)])
    assert effective_rank(axes) == pytest.approx(4)
    assert mean_cosine(np.eye(4)) == pytest.approx(0)
    assert mean_cosine(np.array([[1.0, 1], [2, 2], [0, 0]])) == pytest.approx(1)


@pytest.mark.parametrize("method", REDUCERS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_row_that_is_not_finite_is_named(method: str, value: float) -> None:
    vectors = text_like()
    vectors[17, 2] = value
    with pytest.raises(InputError, match="row 17"):
        fit(method, vectors)


def test_equal_vectors_have_no_principal_components() -> None:
    with pytest.raises(InputError, match="all are equal"):
        fit("pca", np.ones((5, 3), dtype=np.float32))


@pytest.mark.parametrize("classes", [None, ["one"] * N, [str(row) for row in range(N)]])
def test_lda_needs_classes(classes: list[str] | None) -> None:
    with pytest.raises(InputError, match="lda"):
        fit_lda(text_like(), Reduction(method="lda"), classes)


@pytest.mark.parametrize("method", ["pca", "random_projection", "zca", "none"])
def test_blocks_of_rows_change_no_more_than_rounding(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is told of the vectors and the reduced ones, zero rows included."""
    vectors = text_like()
    vectors[3] = 0
    whole, told = fit(method, vectors).transform(vectors), fit(method, vectors).report
    monkeypatch.setattr("llmseqrec.reduction.affine.BLOCK_ROWS", 7)
    blocked = fit(method, vectors)
    np.testing.assert_allclose(blocked.transform(vectors), whole, atol=1e-6)
    for name in ("effective_rank", "effective_rank_before", "mean_cosine", "mean_cosine_before"):
        assert blocked.report[name] == pytest.approx(told[name], rel=1e-9, abs=1e-12)
    vectors[15, 2] = np.nan
    with pytest.raises(InputError, match="row 15 holds nan"):
        blocked.transform(vectors)


def test_many_rows_are_never_copied_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither to look at them nor to map them: of a block's rows alone."""
    widest: list[int] = []

    class Watched(np.ndarray):
        def __sub__(self, other: np.ndarray) -> np.ndarray:
            widest.append(len(self))
            return np.asarray(self) - other

    monkeypatch.setattr("llmseqrec.reduction.affine.BLOCK_ROWS", 10)
    vectors = text_like().view(Watched)
    Affine(np.zeros(vectors.shape[1]), np.eye(vectors.shape[1])).transform(vectors)
    assert len(vectors) > 20
    assert max(widest) == 10
