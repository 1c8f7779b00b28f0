"""Chains: every step on what the one before gives, stored and told of as a whole."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from llmseqrec.config import Reduction
from llmseqrec.errors import InputError
from llmseqrec.reduction.chain import Chain, fit_chain
from tests.unit.text_like import CLASSES, DIM, N, text_like

STEPS = [
    {"method": "zca", "power": 0.5, "normalise": True},
    {"method": "lda"},
    {"method": "random_projection", "dimensions": 3},
]


def chained(*steps: dict, **options: object) -> Chain:
    return fit_chain(text_like(), Reduction(steps=list(steps), **options), CLASSES)


def test_a_chain_is_the_composition_of_its_steps() -> None:
    vectors = text_like()
    expected: np.ndarray = vectors
    for step in STEPS:
        alone = fit_chain(expected, Reduction(**({"normalise": False} | step)), CLASSES)
        expected = alone.transform(expected)
    got = chained(*STEPS, normalise=False).transform(vectors)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_the_order_of_steps_matters() -> None:
    vectors = text_like()
    projected = chained(STEPS[2], {"method": "pca_whitening"}).transform(vectors)
    whitened = chained({"method": "pca_whitening"}, STEPS[2]).transform(vectors)
    assert np.abs(projected @ projected.T - whitened @ whitened.T).max() > 0.1


def test_one_step_is_the_plain_reduction() -> None:
    vectors = text_like()
    plain = fit_chain(vectors, Reduction(method="pca", dimensions=3))
    chain = chained({"method": "pca", "dimensions": 3})
    np.testing.assert_array_equal(chain.transform(vectors), plain.transform(vectors))
    assert chain.report == plain.report


def test_rows_are_unit_after_the_last_step_unless_told_otherwise() -> None:
    lengths = np.linalg.norm(chained(*STEPS).transform(text_like()), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)
    lengths = np.linalg.norm(chained(*STEPS, normalise=False).transform(text_like()), axis=1)
    assert lengths.std() > 0.1


def test_precision_is_kept_between_steps() -> None:
    """Whitening twice is whitening once: no rounding of the first is blown up by the second."""
    vectors = text_like()
    whiten = {"method": "zca", "tolerance": 0}
    scale = {"method": "pca", "dimensions": DIM}
    once = chained(whiten, normalise=False).transform(vectors)
    twice = chained(scale, whiten, scale, whiten, normalise=False).transform(vectors)
    np.testing.assert_allclose(twice @ twice.T, once @ once.T, atol=2e-4)


def test_the_report_tells_of_the_whole_and_of_each_step() -> None:
    report = chained(*STEPS).report
    assert [step["method"] for step in report["steps"]] == ["zca", "lda", "random_projection"]
    assert (report["method"], report["dimensions"], report["fitted_on"]) == ("chain", 3, N)
    assert report["mean_cosine_before"] == report["steps"][0]["mean_cosine_before"] > 0.5
    assert report["effective_rank"] == report["steps"][2]["effective_rank"]
    assert report["explained_variance"] is None
    assert report["steps"][1]["dimensions"] == 4


def test_saved_and_loaded(tmp_path: Path) -> None:
    autoencoder = {"method": "autoencoder", "dimensions": 6, "epochs": 1}
    chain = chained(*STEPS[:1], autoencoder, {"method": "pca", "dimensions": 2})
    for name in ("a", "b"):
        chain.save(tmp_path / f"{name}.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    loaded = Chain.load(tmp_path / "a.safetensors")
    vectors = text_like()
    assert loaded.transform(vectors).tobytes() == chain.transform(vectors).tobytes()
    assert loaded.report == chain.report


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    save_file({"weight": np.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"other\.safetensors: holds no chain"):
        Chain.load(tmp_path / "other.safetensors")


def test_vectors_of_another_dimension_are_refused() -> None:
    with pytest.raises(InputError, match="8 dimensions, the reduction was fitted on 16"):
        chained(*STEPS).transform(np.zeros((2, 8), dtype=np.float32))
