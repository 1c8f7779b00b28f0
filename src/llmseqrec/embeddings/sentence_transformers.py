"""Item vectors of a local sentence encoder, through the library sentence-transformers."""

import logging
import os
import sys
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from llmseqrec.config import Embedding
from llmseqrec.embeddings import weights
from llmseqrec.embeddings.base import FloatArray

_LOG = logging.getLogger(__name__)
_BATCHES_A_STEP = 16  # how often progress is told


class SentenceTransformers:
    """Vectors exactly as the model gives them; all-MiniLM-L6-v2 gives unit vectors.

    With `pooling` the token vectors of the last layer are pooled that way and nothing is done to
    the result; so a plain encoder such as bert-base-uncased serves as well. `mean` is over all
    tokens of the text, the first and the last special ones included.

    Weights are safetensors from an installed package, a local folder or the hub's cache; nothing
    is fetched unless the configuration allows it, and code that comes with a model is never run.

    Args:
        embedding: names the model.
        device: torch device.

    Raises:
        InputError: the weights are missing, not what they should be, or pickled.
    """

    def __init__(self, embedding: Embedding, device: str = "cpu") -> None:
        self.embedding = embedding
        self.device = device

    @classmethod
    def unmet_need(cls, embedding: Embedding) -> str | None:
        """Why the provider cannot work here, or None."""
        return weights.unmet_need(embedding)

    @cached_property
    def folder(self) -> Path:
        """Where the checked weights lie."""
        return weights.obtain_folder(self.embedding)

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """What decides the vectors besides the texts."""
        return {
            "provider": self.embedding.provider,
            "model": self.embedding.model,
            "revision": self.embedding.revision,
            "pooling": self.embedding.pooling,
            "sha256": weights.weights_sha256(self.folder),
            "versions": {
                name: version(name) for name in ("sentence-transformers", "transformers", "torch")
            },
        }

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Vectors of the texts, (n_texts, dim); zero where a text is empty.

        Equal texts are encoded once. Texts of like length share a batch, longest first.
        """
        distinct = sorted({text for text in texts if text.strip()}, key=lambda t: (-len(t), t))
        row_of = {text: row for row, text in enumerate(distinct)}
        encoded = self._encode(distinct)
        vectors = np.zeros((len(texts), encoded.shape[1]), dtype=np.float32)
        filled = [row for row, text in enumerate(texts) if text in row_of]
        vectors[filled] = encoded[[row_of[texts[row]] for row in filled]]
        return vectors

    def _encode(self, texts: Sequence[str]) -> FloatArray:
        dimensions = self._model.get_embedding_dimension()
        vectors = np.zeros((len(texts), dimensions), dtype=np.float32)
        size = self.embedding.batch_size * _BATCHES_A_STEP
        on_terminal = sys.stderr.isatty()
        with tqdm(total=len(texts), unit="text", disable=not on_terminal) as bar:
            for start in range(0, len(texts), size):
                part = texts[start : start + size]
                vectors[start : start + len(part)] = self._model.encode(
                    list(part), batch_size=self.embedding.batch_size, show_progress_bar=False
                )
                bar.update(len(part))
                if not on_terminal:
                    _LOG.info("embedded %d of %d texts", start + len(part), len(texts))
        return vectors

    @cached_property
    def _model(self) -> Any:
        folder = self.folder
        if not self.embedding.allow_download:
            os.environ["HF_HUB_OFFLINE"] = "1"  # read when the hub's library is first imported
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        model = SentenceTransformer(
            str(folder),
            device=self.device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
        if self.embedding.pooling is None:
            return model
        return self._pooled(model)

    def _pooled(self, model: Any) -> Any:
        """The model's encoder with the configured pooling after it."""
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Pooling

        encoder = model[0]
        pooling = Pooling(encoder.get_embedding_dimension(), self.embedding.pooling)
        return SentenceTransformer(modules=[encoder, pooling], device=self.device)
