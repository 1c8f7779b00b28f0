"""The small Llama of our own, trained from nothing on the prompts of one catalogue."""

from __future__ import annotations

from pathlib import Path

from llmseqrec.config import SmallModelSettings
from llmseqrec.errors import InputError
from llmseqrec.llm.language_model import LanguageModel, ModelSource, load_language_model
from llmseqrec.llm.providers.base import Place, TuningFiles
from llmseqrec.llm.providers.on_device import OnDevice, pairs_of
from llmseqrec.llm.small_model import Shape, make_small_model
from llmseqrec.llm.tokenizer import train_tokenizer

WEIGHTS = "weights"


class SmallProvider(OnDevice[SmallModelSettings]):
    """Trains tokenizer and network on the same prompts, which hold the catalogue's own texts."""

    def finetune(self, files: TuningFiles, place: Place) -> None:
        own = self.settings
        pairs = pairs_of(files)
        texts = (text for pair in pairs[0] for text in (pair.prompt, pair.completion))
        tokenizer = train_tokenizer(texts, own.vocabulary, phrases=own.phrases)
        shape = Shape(own.dim, own.layers, own.heads, own.key_heads, own.inner, own.context)
        model = make_small_model(tokenizer, shape, place.seed)
        model.network.to(self.device)
        history = self.train(pairs, model, place)
        weights = sum(weight.numel() for weight in model.network.parameters())
        facts = {
            "base": None,
            "trained": "all weights, from random ones",
            "weights": weights,
            "vocabulary": tokenizer.size,
        }
        self.write(place, history, facts, lambda folder: model.save(folder / WEIGHTS))

    def load(self, model: Path | None) -> LanguageModel:
        if model is None:
            raise InputError("the small model knows nothing before it is trained")
        return load_language_model(ModelSource(str(model / WEIGHTS)), self.device)
