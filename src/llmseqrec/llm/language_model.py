"""A causal language model with its tokenizer: read from a folder or the hub, and written.

Weights are safetensors only, and code that comes with a model is never run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from llmseqrec.contracts import atomic_folder, read_json
from llmseqrec.embeddings import weights
from llmseqrec.errors import InputError
from llmseqrec.llm.tokenizer import TextTokenizer, load_tokenizer

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
# Settings of models that change the scores after the last layer, which `score` does not do.
_CHANGED_SCORES = ("final_logit_softcapping", "logit_scale", "logits_scaling")


@dataclass(frozen=True)
class ModelSource:
    """Where a language model lies.

    Attributes:
        model: a folder, or a name on the hub.
        revision: the commit, 40 digits; needed for the hub.
        allow_download: whether it may be fetched.
    """

    model: str
    revision: str | None = None
    allow_download: bool = False


@dataclass(frozen=True)
class LanguageModel:
    """A network and the tokenizer it was trained with.

    Attributes:
        network: a causal `PreTrainedModel`; its library leaves half of its methods untyped.
        tokenizer: see `llmseqrec.llm.tokenizer`.
    """

    network: Any
    tokenizer: TextTokenizer

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        device: torch.device = self.network.get_input_embeddings().weight.device
        return device

    @property
    def context(self) -> int:
        """Tokens of prompt and completion together at most."""
        return int(self.network.config.max_position_embeddings)

    def states(self, ids: Tensor, **inputs: Any) -> Any:
        """Run the layers; the last states are (batch, length, dim), as the library returns them."""
        return self.network.get_decoder()(input_ids=ids, **inputs)

    def scores(self, states: Tensor) -> Tensor:
        """(..., dim) -> (..., vocabulary): unnormalised log-probabilities in single precision."""
        scores: Tensor = self.network.get_output_embeddings()(states).float()
        return scores

    def save(self, folder: Path) -> None:
        """Write a folder that `load_language_model`, and transformers, can read."""
        _silence_bars()
        with atomic_folder(folder) as temporary:
            self.network.save_pretrained(temporary)
            self.tokenizer.save(temporary)


def load_language_model(
    source: ModelSource, device: str = "cpu", dtype: str = "float32", **options: Any
) -> LanguageModel:
    """Read a causal language model and its tokenizer.

    Args:
        source: where it lies.
        device: torch device.
        dtype: float32 or bfloat16, of the weights in memory.
        **options: of transformers' `from_pretrained`, such as a quantisation.

    Raises:
        InputError: no weights within reach, pickled weights, no tokenizer.json, or an architecture
            that transformers does not have itself.
    """
    from transformers import AutoModelForCausalLM

    _silence_bars()
    folder = weights.obtain_folder(source)
    _check_architecture(folder)
    try:
        network: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=DTYPES[dtype],
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            **options,
        )
    except Exception as error:  # safetensors has an error of its own for half a file
        reason = str(error).partition("\n")[0]
        raise InputError(f"{folder}: not a causal language model: {reason}") from error
    if "quantization_config" not in options:  # which puts the weights where they belong itself
        network = network.to(device)
    return LanguageModel(network.eval(), load_tokenizer(folder))


def _silence_bars() -> None:
    """Bars of reading and writing files are no progress anyone waits for."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def _check_architecture(folder: Path) -> None:
    """Refuse what would be silently wrong."""
    config = read_json(folder / "config.json")
    if "auto_map" in config:
        raise InputError(f"{folder}: auto_map names code of its own, which is never run")
    for key in _CHANGED_SCORES:
        if config.get(key) not in (None, 1, 1.0):
            raise InputError(f"{folder}: {key} is not supported")
