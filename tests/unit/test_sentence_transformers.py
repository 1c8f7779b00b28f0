"""Vectors of the packaged sentence encoder, and what is refused before anything is loaded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from safetensors.numpy import save_file

from llmseqrec.config import Embedding
from llmseqrec.contracts import ITEMS, write_table
from llmseqrec.device import multiplies_bfloat16
from llmseqrec.embeddings import weights
from llmseqrec.embeddings.embed import embed_items, embedding_facts
from llmseqrec.embeddings.sentence_transformers import SentenceTransformers
from llmseqrec.errors import InputError
from llmseqrec.provenance import file_digest
from llmseqrec.vector_facts import read_facts

TEXTS = [
    "Lavender Shampoo, 8 oz",
    "",
    "Lavender Conditioner",
    "Steel nail file",
    "Lavender Shampoo, 8 oz",
    "  ",
    "A very long title " * 40,
]
COMMIT = "0" * 40


@pytest.fixture(scope="module")
def provider() -> SentenceTransformers:
    return SentenceTransformers(Embedding())


@pytest.fixture(scope="module")
def vectors(provider: SentenceTransformers) -> np.ndarray:
    return provider.embed(TEXTS)


def test_unit_vectors_and_zeros_for_empty_texts(vectors: np.ndarray) -> None:
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 0, 1, 1, 1, 0, 1], atol=1e-6)


def test_like_texts_have_like_vectors(vectors: np.ndarray) -> None:
    assert vectors[0] @ vectors[2] > vectors[0] @ vectors[3] + 0.2
    np.testing.assert_array_equal(vectors[0], vectors[4])


def test_vector_equals_a_plain_forward_pass(vectors: np.ndarray) -> None:
    """Mean of the token states, divided by its norm: the model's own description."""
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModel

    folder = weights.find_folder(Embedding())
    assert folder is not None
    tokens = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokens.no_padding()
    model = AutoModel.from_pretrained(folder, use_safetensors=True).eval()
    with torch.inference_mode():
        states = model(torch.tensor([tokens.encode(TEXTS[2]).ids])).last_hidden_state[0]
    expected = torch.nn.functional.normalize(states.mean(dim=0), dim=0).numpy()
    np.testing.assert_allclose(vectors[2], expected, atol=1e-6)


def test_vectors_do_not_depend_on_the_batch(
    provider: SentenceTransformers, vectors: np.ndarray
) -> None:
    for row in (0, 3, 6):
        np.testing.assert_allclose(provider.embed([TEXTS[row]])[0], vectors[row], atol=1e-6)


def test_repetition_gives_the_same_bytes(
    provider: SentenceTransformers, vectors: np.ndarray
) -> None:
    assert provider.embed(TEXTS).tobytes() == vectors.tobytes()


def test_only_empty_texts(provider: SentenceTransformers) -> None:
    assert provider.embed(["", ""]).shape == (2, 384)
    assert not provider.embed(["", ""]).any()


def test_facts_name_model_weights_and_texts(
    provider: SentenceTransformers, vectors: np.ndarray
) -> None:
    facts = json.loads(json.dumps(embedding_facts(provider, TEXTS, vectors)))
    assert facts["model"] == "all-MiniLM-L6-v2"
    assert facts["sha256"]["model.safetensors"].startswith("53aa51172d142c89")
    assert (facts["items"], facts["empty_texts"], facts["dimensions"]) == (7, 2, 384)
    other = embedding_facts(provider, [*TEXTS[:-1], "changed"], vectors)
    assert other["texts_sha256"] != facts["texts_sha256"]


def test_vectors_of_a_catalogue_are_written_with_their_facts(
    provider: SentenceTransformers, tmp_path: Path
) -> None:
    titles = ["red lipstick", "argan oil shampoo"]
    items = pd.DataFrame({"item_id": [0, 1], "source_id": ["a", "b"], "title": titles})
    write_table(items, tmp_path / "items.parquet", ITEMS)
    target = tmp_path / "minilm.npy"
    embed_items(tmp_path / "items.parquet", provider.embedding, "cpu", target)
    facts = read_facts(target, file_digest(target))
    assert (facts["items"], np.load(target).shape) == (2, (2, 384))


def test_asking_for_needs_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.path.insert(0, 'src')\n"
        "from llmseqrec.config import Embedding\n"
        "from llmseqrec.embeddings.sentence_transformers import SentenceTransformers\n"
        "assert SentenceTransformers.unmet_need(Embedding()) is None\n"
        "heavy = {'torch', 'sentence_transformers', 'transformers', 'huggingface_hub', 'sklearn'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


def test_absent_weights_are_an_unmet_need() -> None:
    embedding = Embedding(model="nobody/no-such-model", revision=COMMIT)
    need = SentenceTransformers.unmet_need(embedding)
    assert need is not None
    assert "nobody/no-such-model" in need
    assert "allow_download" in need
    with pytest.raises(InputError, match="allow_download"):
        SentenceTransformers(embedding).embed(["text"])


@pytest.mark.parametrize("revision", [None, "main"])
def test_downloads_need_a_pinned_commit(revision: str | None) -> None:
    with pytest.raises(ValidationError, match="revision"):
        Embedding(model="nobody/no-such-model", revision=revision, allow_download=True)
    # Whoever asks without a configuration is refused too.
    unchecked = Embedding.model_construct(
        model="nobody/no-such-model", revision=revision, allow_download=True
    )
    with pytest.raises(InputError, match="revision"):
        weights.obtain_folder(unchecked)


def test_a_download_that_fails_ends_on_one_line(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, 'src')\n"
        "from llmseqrec.config import Embedding\n"
        "from llmseqrec.embeddings.weights import obtain_folder\n"
        f"obtain_folder(Embedding(model='no/such', revision='{COMMIT}', allow_download=True))\n"
    )
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env=offline,
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("llmseqrec.errors.InputError: weights unavailable: no/such: ")


def test_weights_in_the_hub_cache_need_no_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = tmp_path / "models--nobody--small" / "snapshots" / COMMIT
    make_folder(snapshot)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert weights.unmet_need(Embedding(model="nobody/small", revision=COMMIT)) is None
    assert weights.unmet_need(Embedding(model="nobody/small", revision="1" * 40)) is not None


def make_folder(folder: Path, module: str = "sentence_transformers.models.Transformer") -> Path:
    folder.mkdir(parents=True)
    save_file({"weight": np.zeros(3, dtype=np.float32)}, folder / "model.safetensors")
    (folder / "modules.json").write_text(json.dumps([{"idx": 0, "path": "", "type": module}]))
    return folder


def test_a_local_folder_is_used_as_it_is() -> None:
    folder = weights.find_folder(Embedding())
    embedding = Embedding(model=str(folder))
    assert SentenceTransformers.unmet_need(embedding) is None
    assert weights.obtain_folder(embedding) == folder


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    expected = {"model.safetensors": file_digest(folder / "model.safetensors")}
    weights.check_sha256(folder, expected)
    save_file({"weight": np.ones(3, dtype=np.float32)}, folder / "model.safetensors")
    with pytest.raises(InputError, match=r"model\.safetensors: sha256 is not"):
        weights.check_sha256(folder, expected)


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    weights.refuse_code(folder)  # a safetensors file stands beside it and is read instead
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"pytorch_model\.bin: pickled weights"):
        weights.obtain_folder(Embedding(model=str(folder)))


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no safetensors weights"):
        weights.obtain_folder(Embedding(model=str(tmp_path)))


def test_code_that_comes_with_a_model_is_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model", module="own_code.Module")
    with pytest.raises(InputError, match=r"own_code\.Module"):
        weights.obtain_folder(Embedding(model=str(folder)))


def library_vectors(provider: SentenceTransformers, texts: list[str]) -> np.ndarray:
    """What the library's own call gives."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(provider.folder), device="cpu").encode(texts)


SOME = [text for text in TEXTS if text.strip()] + ["Nail polish"] * 3 + ["word " * 400]


@pytest.mark.parametrize(("tokens", "size"), [(1, 64), (40, 64), (5000, 2), (5000, 64)])
def test_batches_by_tokens_give_the_vectors_of_the_library(
    provider: SentenceTransformers, tokens: int, size: int
) -> None:
    embedding = Embedding(batch_tokens=tokens, batch_size=size)
    got = SentenceTransformers(embedding).embed(SOME)
    np.testing.assert_allclose(got, library_vectors(provider, SOME), atol=1e-6)


def test_a_prompt_that_comes_with_a_model_is_used(
    provider: SentenceTransformers, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = provider._model
    monkeypatch.setattr(model, "prompts", {"item": "an item of a shop: "})
    monkeypatch.setattr(model, "default_prompt_name", "item")
    expected = model.encode(TEXTS[0], prompt_name="item")
    np.testing.assert_allclose(provider.embed(TEXTS)[0], expected, atol=1e-6)


def test_bfloat16_is_near_single_precision_and_told_of(vectors: np.ndarray) -> None:
    fast = SentenceTransformers(Embedding(bfloat16=True))
    got = fast.embed(TEXTS)
    assert got.dtype == np.float32
    cosines = (got * vectors).sum(axis=1)[[0, 2, 3, 4, 6]]
    assert cosines.min() > 0.999
    if multiplies_bfloat16("cpu"):
        assert fast.fingerprint["bfloat16"]
        assert np.abs(got - vectors).max() > 1e-5


def test_without_bfloat16_in_the_processor_vectors_are_of_single_precision(
    vectors: np.ndarray, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(
        "llmseqrec.embeddings.sentence_transformers.multiplies_bfloat16", lambda device: False
    )
    plain = SentenceTransformers(Embedding(bfloat16=True))
    np.testing.assert_array_equal(plain.embed(TEXTS), vectors)
    assert not plain.fingerprint["bfloat16"]
    assert "bfloat16: cpu lacks it, single precision it is" in caplog.text


def test_a_model_of_static_word_vectors_is_embedded_too(tmp_path: Path) -> None:
    """It has no attention, hence no mask to make batches by."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    packaged = weights.find_folder(Embedding())
    assert packaged is not None
    tokens = Tokenizer.from_file(str(packaged / "tokenizer.json"))
    words = np.random.default_rng(0).normal(size=(tokens.get_vocab_size(), 8)).astype(np.float32)
    made = SentenceTransformer(modules=[StaticEmbedding(tokens, embedding_weights=words)])
    made.save(str(tmp_path / "static"))
    got = SentenceTransformers(Embedding(model=str(tmp_path / "static"))).embed(TEXTS)
    np.testing.assert_allclose(got[0], made.encode(TEXTS[0]), atol=1e-6)
    assert not got[1].any()
