"""Plain encoders without a pooling of their own, such as the one of BERT2*; on a tiny BERT."""

from pathlib import Path

import numpy as np
import pytest

from llmseqrec.config import Embedding
from llmseqrec.embeddings.sentence_transformers import SentenceTransformers

TEXTS = ["green tea soap", "", "soap", "rose oil and green tea", "rose", "no such word"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "green", "tea", "soap", "rose", "oil", "and"]
WIDTH = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers with random weights, stored as the hub stores bert-base-uncased."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    made = tmp_path_factory.mktemp("bert")
    torch.manual_seed(1)
    shape = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
    )
    BertModel(shape).save_pretrained(made, safe_serialization=True)
    (made / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    BertTokenizerFast(vocab=str(made / "vocab.txt")).save_pretrained(made)
    return made


def token_vectors(folder: Path, text: str) -> np.ndarray:
    """The last layer's vectors of all tokens of a text, as transformers gives them, (n, WIDTH)."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(folder)([text], return_tensors="pt")
    with torch.inference_mode():
        states = AutoModel.from_pretrained(folder).eval()(**tokens).last_hidden_state[0]
    found: np.ndarray = states.numpy()
    return found


def embed(folder: Path, pooling: str | None) -> np.ndarray:
    return SentenceTransformers(Embedding(model=str(folder), pooling=pooling)).embed(TEXTS)


def test_the_tiny_vocabulary_is_used(folder: Path) -> None:
    assert len(token_vectors(folder, TEXTS[0])) == 5  # three words between [CLS] and [SEP]


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_vectors_are_those_of_transformers(folder: Path, pooling: str) -> None:
    vectors = embed(folder, pooling)
    assert vectors.shape == (len(TEXTS), WIDTH)
    assert not vectors[1].any()
    for row in (0, 2, 3, 4, 5):
        states = token_vectors(folder, TEXTS[row])
        expected = states[0] if pooling == "cls" else states.mean(axis=0)
        np.testing.assert_allclose(vectors[row], expected, atol=1e-5)


def test_long_texts_are_cut_where_the_encoder_ends(folder: Path) -> None:
    embedding = Embedding(model=str(folder), pooling="cls")
    long, longer = SentenceTransformers(embedding).embed(["soap " * 30, "soap " * 200])
    assert np.isfinite(long).all()
    np.testing.assert_allclose(long, longer, atol=1e-5)  # 30 words, [CLS] and [SEP] are 32


def test_poolings_differ_and_are_not_normalised(folder: Path) -> None:
    cls, mean = embed(folder, "cls"), embed(folder, "mean")
    assert not np.allclose(cls, mean, atol=0.1)
    assert not np.allclose(np.linalg.norm(cls[[0, 2]], axis=1), 1, atol=0.1)


def test_pooling_takes_the_place_of_all_that_follows_the_encoder() -> None:
    """The packaged model ends on a normalisation, which a pooling of our choice leaves out."""
    own = SentenceTransformers(Embedding()).embed(TEXTS)
    mean = SentenceTransformers(Embedding(pooling="mean")).embed(TEXTS)
    norms = np.linalg.norm(mean, axis=1, keepdims=True)
    assert not np.allclose(norms[[0, 2]], 1, atol=0.1)
    np.testing.assert_allclose(mean / np.maximum(norms, 1e-9), own, atol=1e-5)


def test_pooling_is_part_of_the_fingerprint(folder: Path) -> None:
    found = {
        pooling: SentenceTransformers(Embedding(model=str(folder), pooling=pooling)).fingerprint
        for pooling in ("cls", "mean")
    }
    assert found["cls"] != found["mean"]
    assert found["cls"]["sha256"]["model.safetensors"]
