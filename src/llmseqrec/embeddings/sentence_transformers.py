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

from llmseqrec.config import Embedding, Services
from llmseqrec.device import multiplies_bfloat16
from llmseqrec.embeddings import weights
from llmseqrec.embeddings.base import FloatArray
from llmseqrec.embeddings.token_batches import cut, token_batches
from llmseqrec.uploads import Permission

_LOG = logging.getLogger(__name__)
_TEXTS_A_STEP = 2048  # tokenised together; how often progress is told


class SentenceTransformers:
    """Vectors exactly as the model gives them; all-MiniLM-L6-v2 gives unit vectors.

    With `pooling` the token vectors of the last layer are pooled that way and nothing is done to
    the result; so a plain encoder such as bert-base-uncased serves as well. `mean` is over all
    tokens of the text, the first and the last special ones included.

    With `bfloat16` the encoder computes in that, and pooling in single precision: cosines with the
    vectors of single precision stay above .9999 (docs/benchmarks.md).

    Weights are safetensors from an installed package, a local folder or the hub's cache; nothing
    is fetched unless the configuration allows it, and code that comes with a model is never run.

    Args:
        embedding: names the model.
        device: torch device.
        permission: not used; nothing is sent anywhere.

    Raises:
        InputError: the weights are missing, not what they should be, or pickled.
    """

    def __init__(
        self, embedding: Embedding, device: str = "cpu", permission: Permission | None = None
    ) -> None:
        self.embedding = embedding
        self.device = device

    @classmethod
    def unmet_need(cls, embedding: Embedding, services: Services | None = None) -> str | None:
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
            "bfloat16": self._in_bfloat16,
            "sha256": weights.weights_sha256(self.folder),
            "versions": {
                name: version(name) for name in ("sentence-transformers", "transformers", "torch")
            },
        }

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Vectors of the texts, (n_texts, dim); zero where a text is empty.

        Equal texts are encoded once. Texts of like token count share a batch, longest first.
        """
        distinct = sorted({text for text in texts if text.strip()}, key=lambda t: (-len(t), t))
        row_of = {text: row for row, text in enumerate(distinct)}
        encoded = self._encode(distinct)
        vectors = np.zeros((len(texts), encoded.shape[1]), dtype=np.float32)
        filled = [row for row, text in enumerate(texts) if text in row_of]
        vectors[filled] = encoded[[row_of[texts[row]] for row in filled]]
        return vectors

    def cost(self, texts: Sequence[str]) -> dict[str, Any]:
        """Nothing is paid for."""
        return {}

    def _encode(self, texts: Sequence[str]) -> FloatArray:
        """Vectors of texts that are sorted by length."""
        vectors = np.zeros((len(texts), self._model.get_embedding_dimension()), dtype=np.float32)
        on_terminal = sys.stderr.isatty()
        with tqdm(total=len(texts), unit="text", disable=not on_terminal) as bar:
            for start in range(0, len(texts), _TEXTS_A_STEP):
                part = texts[start : start + _TEXTS_A_STEP]
                vectors[start : start + len(part)] = self._encode_step(list(part))
                bar.update(len(part))
                if not on_terminal:
                    _LOG.info("embedded %d of %d texts", start + len(part), len(texts))
        return vectors

    def _encode_step(self, texts: list[str]) -> FloatArray:
        """Vectors of some texts, which are tokenised once and cut into batches by their tokens."""
        import torch

        model, size = self._model, self.embedding.batch_size
        features = model.preprocess(texts, prompt=model.prompts.get(model.default_prompt_name))
        mask = features.get("attention_mask")
        if mask is None:  # a model of static word vectors has no batches to fill
            encoded: FloatArray = model.encode(texts, batch_size=size, show_progress_bar=False)
            return encoded
        vectors = np.zeros((len(texts), model.get_embedding_dimension()), dtype=np.float32)
        lengths = mask.sum(dim=1).numpy()
        with torch.inference_mode():
            for rows in token_batches(lengths, self.embedding.batch_tokens, size):
                vectors[rows] = self._forward(cut(features, rows))
        return vectors

    def _forward(self, features: dict[str, Any]) -> FloatArray:
        """Vectors of one batch; whatever the encoder computes in, what follows is in float32."""
        encoder, *others = self._model
        state = encoder({name: _sent(value, self.device) for name, value in features.items()})
        state = {name: _single(value) for name, value in state.items()}
        for module in others:
            state = module(state)
        vectors: FloatArray = state["sentence_embedding"].cpu().numpy()
        return vectors

    @cached_property
    def _in_bfloat16(self) -> bool:
        """Whether the encoder computes in bfloat16 here."""
        if not self.embedding.bfloat16:
            return False
        found = multiplies_bfloat16(self.device)
        if not found:
            _LOG.warning("bfloat16: %s lacks it, single precision it is", self.device)
        return found

    @cached_property
    def _model(self) -> Any:
        folder = self.folder
        if not self.embedding.allow_download:
            os.environ["HF_HUB_OFFLINE"] = "1"  # read when the hub's library is first imported
        import torch
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
        model = model if self.embedding.pooling is None else self._pooled(model)
        if self._in_bfloat16:
            model[0].to(torch.bfloat16)
        return model.eval()

    def _pooled(self, model: Any) -> Any:
        """The model's encoder with the configured pooling after it."""
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Pooling

        encoder = model[0]
        pooling = Pooling(encoder.get_embedding_dimension(), self.embedding.pooling)
        return SentenceTransformer(modules=[encoder, pooling], device=self.device)


def _sent(value: Any, device: str) -> Any:
    """A tensor on its device; other features as they are."""
    return value.to(device) if hasattr(value, "to") else value


def _single(value: Any) -> Any:
    """A tensor of floats in single precision; other features as they are."""
    return value.float() if hasattr(value, "to") and value.is_floating_point() else value
