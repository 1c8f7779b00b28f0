"""Any causal language model of transformers: fine-tuned by an adapter, or in full.

Weights are safetensors of a folder or of a pinned commit of the hub, and code that comes with a
model is never run.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmseqrec.config import LocalModelSettings, LoraSettings, Services
from llmseqrec.embeddings import weights
from llmseqrec.llm.prompts import Tokenize
from llmseqrec.llm.providers.base import Place, TuningFiles
from llmseqrec.llm.providers.on_device import WEIGHTS, OnDevice

if TYPE_CHECKING:
    from llmseqrec.llm.language_model import LanguageModel
    from llmseqrec.llm.tokenizer import TextTokenizer

ADAPTER = "adapter"


class LocalProvider(OnDevice[LocalModelSettings]):
    """An adapter lies in `adapter`, a model that was trained in full in `weights`."""

    @classmethod
    def unmet_need(
        cls, settings: LocalModelSettings, services: Services | None = None
    ) -> str | None:
        return weights.unmet_need(settings)

    def finetune(self, files: TuningFiles, place: Place) -> None:
        if self.settings.lora is None:
            self._finetune_all(files, place)
        else:
            self._finetune_adapter(files, self.settings.lora, place)

    def load(self, model: Path | None) -> LanguageModel:
        from llmseqrec.llm.language_model import ModelSource, load_language_model
        from llmseqrec.llm.lora import load_adapter, quantisation

        own = self.settings
        if model is not None and (model / WEIGHTS).is_dir():
            return load_language_model(ModelSource(str(model / WEIGHTS)), self.device, own.dtype)
        options = quantisation(own.bits) if own.bits else {}
        source = ModelSource(own.model, own.revision, own.allow_download)
        base = load_language_model(source, self.device, own.dtype, **options)
        if model is None:
            return base
        adapted = load_adapter(base, model / ADAPTER)
        # Weights of few bits would lose what the adapter learned if it were added to them.
        return adapted.base if own.bits else adapted.merged()

    def count_tokens(self) -> Tokenize:
        return self._encode

    def _encode(self, text: str) -> list[int]:
        return self._tokenizer.prompts([text])[0]

    @cached_property
    def _tokenizer(self) -> TextTokenizer:
        from llmseqrec.llm.tokenizer import load_tokenizer

        return load_tokenizer(weights.obtain_folder(self.settings))

    def _finetune_all(self, files: TuningFiles, place: Place) -> None:
        from llmseqrec.llm.tuning import pairs_of, train, write_tuned

        model = self.load(None)
        for weight in model.network.parameters():
            weight.requires_grad_(True)
        history = train(model, pairs_of(files), self.settings, place)
        facts = self._facts("all weights")
        write_tuned(place, history, facts, lambda folder: model.save(folder / WEIGHTS))

    def _finetune_adapter(self, files: TuningFiles, lora: LoraSettings, place: Place) -> None:
        from llmseqrec.llm.lora import LoraOptions, add_adapter
        from llmseqrec.llm.tuning import pairs_of, train, write_tuned

        options = LoraOptions(**lora.model_dump() | {"targets": tuple(lora.targets)})
        base = self.load(None)
        adapted = add_adapter(base, options, place.seed)
        adapted.base.network.to(base.device)
        history = train(adapted.base, pairs_of(files), self.settings, place)
        facts = self._facts("an adapter") | {"lora": lora.model_dump()}
        write_tuned(place, history, facts, lambda folder: adapted.save(folder / ADAPTER))

    def _facts(self, trained: str) -> dict[str, Any]:
        own = self.settings
        named = {"base": own.model, "revision": own.revision, "bits": own.bits}
        return self.facts(trained=trained, **named)
