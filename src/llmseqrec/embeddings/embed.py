"""Vectors of all items of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmseqrec.arrays import write_array
from llmseqrec.config import Embedding
from llmseqrec.contracts import ITEMS, read_table, write_json
from llmseqrec.device import resolve_device
from llmseqrec.embeddings.base import EmbeddingProvider, FloatArray
from llmseqrec.embeddings.item_text import item_texts
from llmseqrec.provenance import file_digest
from llmseqrec.registry import EMBEDDING_PROVIDERS, load
from llmseqrec.uploads import Permission
from llmseqrec.vector_facts import texts_sha256


def embed_items(
    items: Path,
    embedding: Embedding,
    device: str,
    target: Path,
    permission: Permission | None = None,
) -> None:
    """Write item vectors, f32[n_items, dim] in item_id order, and the facts beside them (.json).

    Args:
        items: the catalogue.
        embedding: who computes the vectors, of which text.
        device: torch device of a local encoder.
        target: the .npy file.
        permission: of the catalogue's dataset; without it no text is sent anywhere.
    """
    texts = item_texts(read_table(items, ITEMS), embedding.template or "title")
    provider = load(EMBEDDING_PROVIDERS[embedding.provider])(
        embedding, resolve_device(device), permission
    )
    vectors = provider.embed(texts)
    write_array(vectors, target)
    own: dict[str, Any] = {"template": embedding.template, "vectors_sha256": file_digest(target)}
    facts = embedding_facts(provider, texts, vectors) | own
    write_json(facts, target.with_suffix(".json"))


def embedding_facts(
    provider: EmbeddingProvider, texts: Sequence[str], vectors: FloatArray
) -> dict[str, Any]:
    """Who made the vectors, of which texts, and what a service took for them."""
    cost = provider.cost(texts)
    return {
        **({"cost": cost} if cost else {}),
        **provider.fingerprint,
        "items": len(texts),
        "dimensions": int(vectors.shape[1]),
        "empty_texts": sum(not text.strip() for text in texts),
        "distinct_texts": len(set(texts)),
        "texts_sha256": texts_sha256(texts),
    }
