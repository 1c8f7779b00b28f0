"""Any causal language model of transformers: fine-tuned by an adapter, or in full.

Weights are safetensors of a folder or of a pinned commit of the hub, and code that comes with a
model is never run.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from llmseqrec.config import LocalModelSettings, LoraSettings, Services
from llmseqrec.embeddings import weights
from llmseqrec.llm.language_model import LanguageModel, ModelSource, load_language_model
from llmseqrec.llm.lora import LoraOptions, add_adapter, load_adapter, quantisation
from llmseqrec.llm.pairs import Pair
from llmseqrec.llm.prompts import Tokenize
from llmseqrec.llm.providers.base import Place, TuningFiles
from llmseqrec.llm.providers.on_device import OnDevice, pairs_of
from llmseqrec.llm.tokenizer import TextTokenizer, load_tokenizer

Pairs = tuple[list[Pair], list[Pair]]

ADAPTER, WEIGHTS = "adapter", "weights"


class LocalProvider(OnDevice[LocalModelSettings]):
    """An adapter lies in `adapter`, a model that was trained in full in `weights`."""

    @classmethod
    def unmet_need(
        cls, settings: LocalModelSettings, services: Services | None = None
    ) -> str | None:
        return weights.unmet_need(settings)

    def finetune(self, files: TuningFiles, place: Place) -> None:
        pairs, base = pairs_of(files), self.load(None)
        if self.settings.lora is None:
            self._finetune_all(pairs, base, place)
        else:
            self._finetune_adapter(pairs, base, self.settings.lora, place)

    def load(self, model: Path | None) -> LanguageModel:
        if model is not None and (model / WEIGHTS).is_dir():
            source = ModelSource(str(model / WEIGHTS))
            return load_language_model(source, self.device, self.settings.dtype)
        own = self.settings
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
        return load_tokenizer(weights.obtain_folder(self.settings))

    def _finetune_all(self, pairs: Pairs, base: LanguageModel, place: Place) -> None:
        for weight in base.network.parameters():
            weight.requires_grad_(True)
        history = self.train(pairs, base, place)
        facts = self._facts("all weights")
        self.write(place, history, facts, lambda folder: base.save(folder / WEIGHTS))

    def _finetune_adapter(
        self, pairs: Pairs, base: LanguageModel, lora: LoraSettings, place: Place
    ) -> None:
        options = LoraOptions(**lora.model_dump() | {"targets": tuple(lora.targets)})
        adapted = add_adapter(base, options, place.seed)
        adapted.base.network.to(base.device)
        history = self.train(pairs, adapted.base, place)
        facts = self._facts("an adapter") | {"lora": lora.model_dump()}
        self.write(place, history, facts, lambda folder: adapted.save(folder / ADAPTER))

    def _facts(self, trained: str) -> dict[str, object]:
        own = self.settings
        return {"base": own.model, "revision": own.revision, "trained": trained, "bits": own.bits}
