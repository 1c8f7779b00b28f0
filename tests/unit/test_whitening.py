"""Kinds of whitening: what they make of the covariance, and that noise stays noise."""

import numpy as np
import pytest

from llmseqrec.config import Reduction
from llmseqrec.errors import InputError
from llmseqrec.reduction.affine import Affine
from llmseqrec.registry import REDUCERS, load
from tests.unit.text_like import DIM, RANK, text_like

WHITENING = ["pca_whitening", "zca", "group_zca", "standardise"]


def fit(method: str, vectors: np.ndarray, **options: object) -> Affine:
    return load(REDUCERS[method])(vectors, Reduction(method=method, **options), None)


def raw(method: str, vectors: np.ndarray, **options: object) -> np.ndarray:
    return fit(method, vectors, normalise=False, **options).transform(vectors)


def cosines(vectors: np.ndarray) -> np.ndarray:
    return vectors @ vectors.T


def covariance(vectors: np.ndarray) -> np.ndarray:
    return np.cov(vectors, rowvar=False)


@pytest.mark.parametrize("method", ["pca_whitening", "zca"])
def test_full_whitening_gives_unit_covariance(method: str) -> None:
    np.testing.assert_allclose(covariance(raw(method, text_like())), np.eye(DIM), atol=1e-4)


@pytest.mark.parametrize("power", [0.25, 0.5, 1.0])
def test_a_direction_of_variance_v_is_left_with_v_to_the_one_minus_power(power: float) -> None:
    vectors = text_like()
    values, directions = np.linalg.eigh(covariance(vectors.astype(float)))
    expected = (directions * values ** (1 - power)) @ directions.T
    whitened = raw("zca", vectors, power=power)
    np.testing.assert_allclose(covariance(whitened), expected, atol=1e-4)


def test_zca_is_symmetric_and_positive() -> None:
    matrix = fit("zca", text_like()).matrix
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-9)
    assert np.linalg.eigvalsh(matrix).min() > 0


def test_no_rotation_of_zca_whitens_and_stays_closer() -> None:
    vectors = text_like()
    centred = vectors - vectors.mean(axis=0)
    whitened = raw("zca", vectors)
    moved = np.square(whitened - centred).sum()
    rng = np.random.default_rng(0)
    rotations = [np.linalg.qr(rng.normal(size=(DIM, DIM)))[0] for _ in range(20)]
    slight = np.eye(DIM)
    slight[:2, :2] = [[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]]
    for rotation in [*rotations, slight, slight.T]:
        assert np.square(whitened @ rotation - centred).sum() > moved
    assert np.square(raw("pca_whitening", vectors) - centred).sum() > moved


def test_zca_and_pca_whitening_have_the_same_similarities() -> None:
    vectors = text_like()
    for options in ({}, {"power": 0.5, "ridge": 0.01}):
        zca, pca = raw("zca", vectors, **options), raw("pca_whitening", vectors, **options)
        np.testing.assert_allclose(cosines(zca), cosines(pca), atol=1e-3)
    cut = raw("zca", vectors, rank=5)
    np.testing.assert_allclose(
        cosines(cut), cosines(raw("pca_whitening", vectors, dimensions=5)), atol=1e-3
    )


def test_a_rank_cut_leaves_that_many_dimensions() -> None:
    whitened = fit("zca", text_like(), rank=5)
    assert np.linalg.matrix_rank(whitened.matrix, tol=1e-6) == 5
    assert whitened.report["dimensions"] == DIM
    assert whitened.report["effective_rank"] == pytest.approx(5, rel=1e-3)
    assert 0.5 < whitened.report["explained_variance"] < 1


def test_group_zca_whitens_block_by_block() -> None:
    vectors = text_like()
    whitened = raw("group_zca", vectors, groups=3)
    for block in np.array_split(np.arange(DIM), 3):
        alone = raw("zca", np.ascontiguousarray(vectors[:, block]))
        np.testing.assert_allclose(whitened[:, block], alone, atol=1e-4)
        np.testing.assert_allclose(covariance(whitened[:, block]), np.eye(len(block)), atol=1e-4)
    assert np.abs(covariance(whitened) - np.eye(DIM)).max() > 0.1


def test_groups_lead_from_zca_to_standardising() -> None:
    vectors = text_like()
    one, all_apart = (raw("group_zca", vectors, groups=groups) for groups in (1, DIM))
    np.testing.assert_allclose(one, raw("zca", vectors), atol=1e-5)
    np.testing.assert_allclose(all_apart, raw("standardise", vectors), atol=1e-5)
    np.testing.assert_allclose(np.diag(covariance(all_apart)), 1, atol=1e-5)
    ranks = [fit("group_zca", vectors, groups=g).report["effective_rank"] for g in (DIM, 4, 1)]
    assert ranks == sorted(ranks)


def test_group_zca_explains_all_that_it_keeps() -> None:
    vectors = text_like()
    assert fit("group_zca", vectors).report["explained_variance"] == pytest.approx(1)
    assert fit("group_zca", vectors, rank=1).report["explained_variance"] < 0.9


def test_more_groups_than_coordinates_are_refused() -> None:
    with pytest.raises(InputError, match="17 groups of 16 coordinates"):
        fit("group_zca", text_like(), groups=DIM + 1)


def test_none_and_centre() -> None:
    vectors = text_like()
    np.testing.assert_array_equal(raw("none", vectors), vectors)
    np.testing.assert_allclose(
        raw("centre", vectors), vectors - vectors.astype(float).mean(axis=0), atol=1e-6
    )
    unit = fit("none", vectors).transform(vectors)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)
    assert fit("none", vectors).report["mean_cosine"] > 0.5
    assert abs(fit("centre", vectors).report["mean_cosine"]) < 0.05


def test_power_leads_from_pca_to_full_whitening() -> None:
    vectors = text_like()
    pca = fit("pca", vectors).transform(vectors)
    none = fit("pca_whitening", vectors, power=0).transform(vectors)
    np.testing.assert_allclose(none, pca, atol=1e-6)
    powers = (0, 0.5, 0.75, 1)
    ranks = [fit("pca_whitening", vectors, power=p).report["effective_rank"] for p in powers]
    assert ranks == sorted(ranks)
    assert ranks[-1] == pytest.approx(DIM, rel=1e-3)


def test_zca_of_power_zero_only_centres() -> None:
    vectors = text_like()
    np.testing.assert_allclose(raw("zca", vectors, power=0), raw("centre", vectors), atol=1e-5)


@pytest.mark.parametrize("method", ["pca_whitening", "zca"])
def test_empty_directions_are_dropped_before_whitening(method: str) -> None:
    """Float32 rounding puts tiny noise into the missing directions; whitened, it would be loud."""
    vectors = text_like(rank=RANK)
    affine = fit(method, vectors)
    assert np.linalg.matrix_rank(affine.matrix) == RANK
    reduced = affine.transform(vectors)
    noise = np.random.default_rng(0).normal(scale=1e-7, size=vectors.shape)
    shaken = fit(method, (vectors + noise).astype(np.float32)).transform(vectors)
    np.testing.assert_allclose(cosines(reduced), cosines(shaken), atol=1e-3)


def test_a_width_at_the_rank_equals_the_tolerance() -> None:
    vectors = text_like(rank=RANK)
    reduced = fit("pca_whitening", vectors).transform(vectors)
    same = fit("pca_whitening", vectors, dimensions=RANK, tolerance=0).transform(vectors)
    np.testing.assert_allclose(cosines(reduced), cosines(same), atol=1e-6)


@pytest.mark.parametrize("method", WHITENING)
def test_without_tolerance_a_constant_column_still_gives_finite_vectors(method: str) -> None:
    vectors = text_like()
    vectors[:, 3] = 0.5
    options = {} if method == "standardise" else {"tolerance": 0}
    affine = fit(method, vectors, **options)
    assert np.linalg.matrix_rank(affine.matrix) == DIM - 1
    assert np.abs(affine.transform(vectors)).max() <= 1 + 1e-6


def test_a_group_of_constant_columns_becomes_zero() -> None:
    vectors = text_like()
    vectors[:, :4] = 0.5
    whitened = raw("group_zca", vectors, groups=4)
    assert not whitened[:, :4].any()
    np.testing.assert_allclose(covariance(whitened[:, 4:8]), np.eye(4), atol=1e-4)


@pytest.mark.parametrize("method", ["pca_whitening", "zca", "group_zca"])
def test_ridge_damps_small_directions(method: str) -> None:
    vectors = text_like()
    plain, ridged = (np.linalg.eigvalsh(covariance(raw(method, vectors, ridge=r))) for r in (0, 1))
    assert (ridged < plain).all()
    assert ridged.min() < 0.1 * ridged.max()


@pytest.mark.parametrize("method", WHITENING)
def test_equal_vectors_are_refused(method: str) -> None:
    with pytest.raises(InputError, match="all are equal"):
        fit(method, np.ones((40, 8), dtype=np.float32))
