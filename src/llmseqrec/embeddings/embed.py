"""Vectors of all items of a dataset."""

from __future__ import annotations

from pathlib import Path

from llmseqrec.config import Embedding
from llmseqrec.contracts import ITEMS, read_table, write_array, write_json
from llmseqrec.device import resolve_device
from llmseqrec.embeddings.base import embedding_facts
from llmseqrec.embeddings.item_text import item_texts
from llmseqrec.registry import EMBEDDING_PROVIDERS, load


def embed_items(items: Path, embedding: Embedding, device: str, target: Path) -> None:
    """Write item vectors, f32[n_items, dim] in item_id order, and the facts beside them (.json)."""
    texts = item_texts(read_table(items, ITEMS), embedding.template or "title")
    provider = load(EMBEDDING_PROVIDERS[embedding.provider])(embedding, resolve_device(device))
    vectors = provider.embed(texts)
    facts = embedding_facts(provider, texts, vectors) | {"template": embedding.template}
    write_array(vectors, target)
    write_json(facts, target.with_suffix(".json"))
