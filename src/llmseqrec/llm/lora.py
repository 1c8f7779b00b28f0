"""Low-rank adapters on a language model that stays as it is (Hu et al., arXiv 2106.09685), by peft.

The defaults are those of the study's Llama row (Boz et al. 2024, section 7.1.7), on the query and
value projections as in TALLRec. The training loop is the one of every language model: it finds that
only the adapter's weights ask for a gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training

from llmseqrec.contracts import atomic_folder
from llmseqrec.errors import InputError
from llmseqrec.llm.language_model import LanguageModel
from llmseqrec.nn.trainer import seeded

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


@dataclass(frozen=True)
class LoraOptions:
    """Attributes of an adapter.

    Attributes:
        rank: of the matrices that are learned.
        alpha: their product counts alpha / rank times.
        dropout: of their input, in training.
        targets: names of the layers that get one.
        gradient_checkpointing: compute states anew in the backward pass: less memory, more time.
    """

    rank: int = 8
    alpha: int = 32
    dropout: float = 0.05
    targets: tuple[str, ...] = ("q_proj", "v_proj")
    gradient_checkpointing: bool = False


@dataclass(frozen=True)
class AdaptedModel:
    """A language model with an adapter in it.

    Attributes:
        adapter: peft's model.
        base: what is trained and decoded: the model whose layers the adapter is in.
    """

    adapter: PeftModel
    base: LanguageModel

    def save(self, folder: Path) -> None:
        """Write the adapter alone; it fits the model it was made for and no other."""
        with atomic_folder(folder) as temporary:
            self.adapter.save_pretrained(str(temporary), safe_serialization=True)
            (temporary / "README.md").unlink(missing_ok=True)  # a form nobody has filled in

    def merged(self) -> LanguageModel:
        """The model with the adapter added to its weights; this one is used up."""
        network = self.adapter.merge_and_unload(safe_merge=True)
        return LanguageModel(network.eval(), self.base.tokenizer)


def add_adapter(
    model: LanguageModel, options: LoraOptions | None = None, seed: int = 0
) -> AdaptedModel:
    """Put an untrained adapter into a model; until it is trained it changes nothing.

    Raises:
        InputError: the model has no layer of the names to adapt.
    """
    options = options or LoraOptions()
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=options.rank,
        lora_alpha=options.alpha,
        lora_dropout=options.dropout,
        target_modules=list(options.targets),
    )
    network = model.network
    if getattr(network, "is_quantized", False):
        prepare: Any = prepare_model_for_kbit_training
        network = prepare(network, use_gradient_checkpointing=False)
    if options.gradient_checkpointing:
        network.activation_checkpointing_enable({"use_reentrant": False})
    with seeded(seed, torch.device(model.device)):
        try:
            adapter = get_peft_model(network, config)
        except ValueError as error:
            named = ", ".join(options.targets)
            raise InputError(f"targets: the model has no layers {named} to adapt") from error
    # Where the model lay is no part of the adapter.
    adapter.peft_config["default"].base_model_name_or_path = None
    return _adapted(adapter, model)


def load_adapter(model: LanguageModel, folder: Path) -> AdaptedModel:
    """Put a saved adapter into the model it was made for.

    Raises:
        InputError: the folder holds no adapter in safetensors, or one of another model.
    """
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: no {name}; adapters are read from safetensors only")
    try:
        adapter = PeftModel.from_pretrained(model.network, str(folder))
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{folder}: an adapter of another model") from error
    return _adapted(adapter, model)


def quantisation(bits: Literal[4, 8]) -> dict[str, Any]:
    """Options of `load_language_model` that keep the weights in 8 or 4 bits, by bitsandbytes.

    Raises:
        InputError: the library is not installed.
    """
    if find_spec("bitsandbytes") is None:
        raise InputError(f"bits: {bits} needs the library bitsandbytes, which is not installed")
    import transformers

    make: Any = transformers.BitsAndBytesConfig
    settings = make(
        load_in_8bit=bits == 8, load_in_4bit=bits == 4, bnb_4bit_compute_dtype=torch.bfloat16
    )
    return {"quantization_config": settings, "device_map": "auto"}


def _adapted(adapter: PeftModel, model: LanguageModel) -> AdaptedModel:
    adapter.eval()
    return AdaptedModel(adapter, LanguageModel(adapter.get_base_model(), model.tokenizer))
