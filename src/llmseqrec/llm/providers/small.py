"""The small Llama of our own, trained from nothing on the prompts of one catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from llmseqrec.config import SmallModelSettings
from llmseqrec.errors import InputError
from llmseqrec.llm.providers.base import Place, TuningFiles
from llmseqrec.llm.providers.on_device import WEIGHTS, OnDevice

if TYPE_CHECKING:
    from llmseqrec.llm.language_model import LanguageModel


class SmallProvider(OnDevice[SmallModelSettings]):
    """Trains tokenizer and network on the same prompts, which hold the catalogue's own texts."""

    def finetune(self, files: TuningFiles, place: Place) -> None:
        from llmseqrec.llm.small_model import Shape, make_small_model
        from llmseqrec.llm.tokenizer import train_tokenizer
        from llmseqrec.llm.tuning import names_of, pairs_of, train, write_tuned

        own, pairs = self.settings, pairs_of(files)
        names = names_of(files) if own.only_names else []
        texts = (text for pair in pairs[0] for text in (pair.prompt, pair.completion))
        tokenizer = train_tokenizer(texts, own.vocabulary, phrases=own.phrases)
        shape = Shape(own.dim, own.layers, own.heads, own.key_heads, own.inner, own.context)
        model = make_small_model(tokenizer, shape, place.seed)
        model.network.to(self.device)
        history = train(model, pairs, own, place, names)
        facts = self.facts(
            base=None,
            trained="all weights, from random ones",
            weights=sum(weight.numel() for weight in model.network.parameters()),
            vocabulary=tokenizer.size,
        )
        write_tuned(place, history, facts, lambda folder: model.save(folder / WEIGHTS))

    def load(self, model: Path | None) -> LanguageModel:
        from llmseqrec.llm.language_model import ModelSource, load_language_model

        if model is None:
            raise InputError("the small model knows nothing before it is trained")
        return load_language_model(ModelSource(str(model / WEIGHTS)), self.device)
