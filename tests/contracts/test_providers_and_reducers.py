"""What every registered embedding provider and reducer owes the models that read its vectors."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmseqrec.config import Embedding, Reduction, Services
from llmseqrec.embeddings.base import EmbeddingProvider
from llmseqrec.embeddings.embed import embedding_facts
from llmseqrec.errors import InputError
from llmseqrec.reduction.chain import Chain, fit_chain
from llmseqrec.registry import EMBEDDING_PROVIDERS, REDUCERS, UPLOADING, load
from llmseqrec.uploads import Permission
from tests.conftest import ROOT
from tests.doubles.openai_server import OpenAIDouble, OpenAIHandler
from tests.doubles.server import Double, serving
from tests.doubles.vertex_server import VertexHandler

TEXTS = ["red lipstick", "", "dark red lip stick", "argan oil shampoo", "red lipstick", "  "]


@pytest.fixture(scope="module", params=EMBEDDING_PROVIDERS)
def provider(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddingProvider]:
    """A provider with its default model; skipped where it cannot work on this machine.

    Providers that send texts speak to a server on this machine.
    """
    name, made = request.param, load(EMBEDDING_PROVIDERS[request.param])
    if name in UPLOADING:
        with paid_provider(name, made, tmp_path_factory.mktemp(name)) as one:
            yield one
        return
    reason = made.unmet_need(Embedding(provider=name))
    if reason is not None:
        pytest.skip(reason)
    yield made(Embedding(provider=name))


@contextmanager
def paid_provider(name: str, made: Any, folder: Path) -> Iterator[EmbeddingProvider]:
    """A provider of a service, with a cache and a ledger of its own."""
    handler, double = {
        "openai": (OpenAIHandler, OpenAIDouble()),
        "vertex": (VertexHandler, Double()),
    }[name]
    double.dim = 256
    services = Services(
        cache=folder / "cache.sqlite",
        ledger=folder / "ledger.sqlite",
        prices=ROOT / "config" / "prices.yaml",
    )
    own = {"project": "p1"} if name == "vertex" else {}
    with serving(handler, double), pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", OpenAIDouble.key)
        address = f"{double.url}/v1" if name == "openai" else double.url
        embedding = Embedding(provider=name, base_url=address, **own)
        assert made.unmet_need(embedding, services) is None
        yield made(embedding, permission=Permission("t", [name], 1.0, services))


@pytest.fixture(scope="module")
def vectors(provider: EmbeddingProvider) -> np.ndarray:
    return provider.embed(TEXTS)


def test_one_finite_vector_a_text(vectors: np.ndarray) -> None:
    assert vectors.dtype == np.float32
    assert vectors.shape[0] == len(TEXTS)
    assert np.isfinite(vectors).all()


def test_empty_texts_have_zero_vectors_and_no_others_have(vectors: np.ndarray) -> None:
    zero = (vectors == 0).all(axis=1)
    assert zero.tolist() == [not text.strip() for text in TEXTS]


def test_equal_texts_have_equal_vectors(vectors: np.ndarray) -> None:
    np.testing.assert_array_equal(vectors[0], vectors[4])


def test_like_texts_are_nearer_than_unlike_ones(vectors: np.ndarray) -> None:
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    assert unit[0] @ unit[2] > unit[0] @ unit[3]


def test_vectors_do_not_depend_on_company_or_order(
    provider: EmbeddingProvider, vectors: np.ndarray
) -> None:
    alone = provider.embed([TEXTS[3]])
    np.testing.assert_allclose(alone[0], vectors[3], atol=2e-6)
    np.testing.assert_allclose(provider.embed(TEXTS[::-1]), vectors[::-1], atol=2e-6)


def test_no_texts_give_no_vectors(provider: EmbeddingProvider, vectors: np.ndarray) -> None:
    assert provider.embed([]).shape == (0, vectors.shape[1])


def test_facts_can_be_written(provider: EmbeddingProvider, vectors: np.ndarray) -> None:
    facts = embedding_facts(provider, TEXTS, vectors)
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["items"], facts["empty_texts"], facts["distinct_texts"]) == (6, 2, 5)
    assert facts["dimensions"] == vectors.shape[1]


AS_WIDE = {"none", "centre", "standardise", "zca", "group_zca"}  # keep the coordinates
every_reducer = pytest.mark.parametrize("method", REDUCERS)
CLASSES = [f"class {row % 5}" for row in range(40)]


def item_vectors() -> np.ndarray:
    """(40, 12) of rank 9, far from the origin, in five classes."""
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(5, 9))[np.arange(40) % 5]
    latent = centres + 0.3 * rng.normal(size=(40, 9))
    made: np.ndarray = latent @ rng.normal(size=(9, 12)) + 5
    return made.astype(np.float32)


def fit(method: str, **options: Any) -> Chain:
    return fit_chain(item_vectors(), Reduction(method=method, **options), CLASSES)


def narrow(method: str, **options: Any) -> Chain:
    """Fitted with three dimensions, where the method has a choice."""
    return fit(method, **({} if method in AS_WIDE else {"dimensions": 3}), **options)


@every_reducer
def test_reduced_vectors_are_finite_unit_rows(method: str) -> None:
    reduced = narrow(method).transform(item_vectors())
    assert reduced.dtype == np.float32
    assert reduced.shape == (40, 12 if method in AS_WIDE else 3)
    np.testing.assert_allclose(np.linalg.norm(reduced, axis=1), 1, rtol=1e-5)


@every_reducer
def test_all_dimensions_that_are_possible_stay_finite(method: str) -> None:
    chain = fit(method)
    reduced = chain.transform(item_vectors())
    assert np.isfinite(reduced).all()
    assert reduced.shape[1] == chain.report["dimensions"] <= 12


@every_reducer
def test_rows_are_mapped_one_by_one(method: str) -> None:
    chain, vectors = narrow(method), item_vectors()
    alone = np.concatenate([chain.transform(vectors[[row]]) for row in range(40)])
    np.testing.assert_allclose(alone, chain.transform(vectors), atol=1e-6)


@every_reducer
def test_neighbours_of_a_class_stay_neighbours(method: str) -> None:
    reduced = narrow(method).transform(item_vectors())
    similar = reduced @ reduced.T
    same = np.equal.outer(CLASSES, CLASSES)
    assert similar[same].mean() > similar[~same].mean()


@every_reducer
def test_fitting_twice_gives_the_same_bytes(method: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        narrow(method).save(tmp_path / f"{name}.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


@every_reducer
def test_a_stored_map_maps_alike(method: str, tmp_path: Path) -> None:
    chain = narrow(method, normalise=False)
    chain.save(tmp_path / "map.safetensors")
    loaded = Chain.load(tmp_path / "map.safetensors")
    np.testing.assert_array_equal(loaded.transform(item_vectors()), chain.transform(item_vectors()))
    assert dict(loaded.report) == dict(chain.report)


@every_reducer
def test_the_report_says_what_was_fitted_on_what(method: str) -> None:
    report = narrow(method).report
    asked = (None, 12) if method in AS_WIDE else (3, 3)
    assert report["method"] == method
    assert (report["dimensions_asked"], report["dimensions"]) == asked
    assert (report["fitted_on"], report["fit_on"]) == (40, "catalogue")
    assert 1 <= report["effective_rank"] <= report["dimensions"] + 1e-6
    assert -1 <= report["mean_cosine"] <= 1
    assert report["explained_variance"] is None or report["explained_variance"] <= 1 + 1e-9
    assert json.loads(json.dumps(dict(report))) == dict(report)


@every_reducer
def test_broken_vectors_are_refused_by_row(method: str) -> None:
    vectors = item_vectors()
    vectors[7, 2] = np.nan
    with pytest.raises(InputError, match="row 7 holds nan"):
        fit_chain(vectors, Reduction(method=method), CLASSES)
    with pytest.raises(InputError, match="11 dimensions, the reduction was fitted on 12"):
        fit(method).transform(item_vectors()[:, :11])
