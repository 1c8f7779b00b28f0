"""Adapters on a tiny random Llama: they change its outputs, are saved, read, merged, resumed."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from llmseqrec.errors import InputError
from llmseqrec.llm.decoding import catalogue_trie, rank_items
from llmseqrec.llm.language_model import LanguageModel, ModelSource, load_language_model
from llmseqrec.llm.lora import AdaptedModel, LoraOptions, add_adapter, load_adapter, quantisation
from llmseqrec.llm.pairs import EncodedPairs
from llmseqrec.llm.training import History, Training, TrainingOptions
from tests.unit.language_models import circle, kill_after_steps, tiny_model, titles, weights

OPTIONS = TrainingOptions(
    epochs=10, batch_tokens=1024, learning_rate=1e-2, warmup_steps=2, checkpoint_steps=5
)
PLAIN = replace(OPTIONS, bfloat16=False)


def fit(made: AdaptedModel, options: TrainingOptions, state_dir: Path | None = None) -> History:
    pairs = EncodedPairs.of(circle(), made.base.tokenizer, 256)
    return Training(made.base, options, state_dir).fit(pairs, None, 1)


def adapted(options: TrainingOptions = OPTIONS, **kinds) -> AdaptedModel:
    """A trained adapter on a tiny model of random weights."""
    made = add_adapter(tiny_model(spread=2), kinds.get("lora"), seed=5)
    fit(made, options, kinds.get("state_dir"))
    return made


def logits(model: LanguageModel) -> Tensor:
    with torch.no_grad():
        return model.network(torch.tensor([[5, 9, 17, 33, 65, 129, 7]])).logits


def test_it_changes_the_outputs_but_not_the_model():
    model = tiny_model(spread=2)
    before, kept = logits(model), weights(model)
    made = add_adapter(model)
    torch.testing.assert_close(logits(made.base), before, rtol=0, atol=0)
    history = fit(made, OPTIONS)
    assert history[-1]["loss"] < 0.98 * history[0]["loss"]
    assert (logits(made.base) - before).abs().max() > 0.1
    left = {name.replace(".base_layer", ""): w for name, w in weights(made.base).items()}
    assert {name: w for name, w in left.items() if "lora_" not in name} == kept


def test_a_saved_adapter_on_the_model_read_anew_gives_the_same_lists(tmp_path):
    tiny_model(spread=2).save(tmp_path / "base")
    made = adapted()
    made.save(tmp_path / "adapter")
    assert {path.name for path in (tmp_path / "adapter").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    assert str(tmp_path) not in (tmp_path / "adapter" / "adapter_config.json").read_text()
    read = load_adapter(
        load_language_model(ModelSource(str(tmp_path / "base"))), tmp_path / "adapter"
    )
    torch.testing.assert_close(logits(read.base), logits(made.base), rtol=0, atol=0)
    trie = catalogue_trie(titles(), made.base.tokenizer)
    lists = [rank_items(one.base, trie, [titles()[4]])[0] for one in (made, read)]
    np.testing.assert_array_equal(*lists)


def test_merged_weights_give_the_same_outputs_without_an_adapter(tmp_path):
    made = adapted()
    expected = logits(made.base)
    merged = made.merged()
    torch.testing.assert_close(logits(merged), expected, rtol=1e-4, atol=1e-4)
    merged.save(tmp_path)
    read = load_language_model(ModelSource(str(tmp_path)))
    assert not [name for name in weights(read) if "lora" in name]
    torch.testing.assert_close(logits(read), logits(merged), rtol=0, atol=0)


def test_computing_states_anew_changes_nothing_but_memory():
    one, other = (
        adapted(PLAIN, lora=LoraOptions(gradient_checkpointing=anew)) for anew in (False, True)
    )
    assert other.base.network.is_activation_checkpointing
    torch.testing.assert_close(logits(other.base), logits(one.base), rtol=1e-4, atol=1e-4)


def test_a_model_in_bfloat16_is_adapted_and_decoded(tmp_path):
    tiny_model(spread=2).save(tmp_path)
    model = load_language_model(ModelSource(str(tmp_path)), dtype="bfloat16")
    made = add_adapter(model)
    first, *_, last = fit(made, OPTIONS)
    assert last["loss"] < 0.98 * first["loss"]
    assert made.base.network.dtype == torch.bfloat16
    items, _ = rank_items(made.base, catalogue_trie(titles(), model.tokenizer), [titles()[4]])
    assert len(set(items[0].tolist())) == 20


def test_a_killed_process_ends_with_the_same_adapter(tmp_path):
    options = replace(OPTIONS, epochs=40)
    code = (
        "from tests.unit.test_llm_lora import *;"
        "adapted(replace(OPTIONS, epochs=40), state_dir=state_dir)"
    )
    kept = kill_after_steps(code, tmp_path, 2 * OPTIONS.checkpoint_steps)
    resumed = add_adapter(tiny_model(spread=2), seed=5)
    assert 10 <= kept < fit(resumed, options, tmp_path)[-1]["step"]
    assert weights(resumed.base) == weights(adapted(options).base)


def test_what_cannot_be_adapted_ends_in_one_line(tmp_path):
    with pytest.raises(InputError, match="no layers nonsense"):
        add_adapter(tiny_model(), LoraOptions(targets=("nonsense",)))
    with pytest.raises(InputError, match=r"no adapter_config\.json"):
        load_adapter(tiny_model(), tmp_path)
    adapted(replace(OPTIONS, epochs=1)).save(tmp_path)
    smaller = tiny_model()
    smaller.network.model.layers[0].self_attn.q_proj = torch.nn.Linear(16, 16)
    with pytest.raises(InputError, match="an adapter of another model"):
        load_adapter(smaller, tmp_path)
    (tmp_path / "adapter_model.safetensors").rename(tmp_path / "adapter_model.bin")
    with pytest.raises(InputError, match="safetensors only"):
        load_adapter(tiny_model(), tmp_path)


@pytest.mark.skipif(find_spec("bitsandbytes") is not None, reason="bitsandbytes is installed")
@pytest.mark.parametrize("bits", [4, 8])
def test_few_bits_need_a_library(bits):
    with pytest.raises(InputError, match=f"bits: {bits} needs the library bitsandbytes"):
        quantisation(bits)
