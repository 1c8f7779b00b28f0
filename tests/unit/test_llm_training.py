"""Training a language model: batches, what counts in the loss, and the same end after a kill."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from llmseqrec.errors import InputError
from llmseqrec.llm.beam_search import BeamOptions
from llmseqrec.llm.decoding import catalogue_trie, rank_items
from llmseqrec.llm.language_model import LanguageModel, ModelSource, load_language_model
from llmseqrec.llm.pairs import EncodedPairs, Pair, batch_rows
from llmseqrec.llm.small_model import make_small_model
from llmseqrec.llm.training import Training, TrainingOptions
from tests.unit.language_models import circle, kill_after_steps, tiny_model, titles, weights

OPTIONS = TrainingOptions(
    epochs=30, batch_tokens=1024, learning_rate=3e-3, warmup_steps=5, checkpoint_steps=10
)


def encoded(model: LanguageModel, pairs: list[Pair] | None = None) -> EncodedPairs:
    return EncodedPairs.of(pairs or circle(), model.tokenizer, 256)


def trained(options: TrainingOptions = OPTIONS, seed: int = 1, **kinds) -> LanguageModel:
    model = tiny_model(spread=1)
    Training(model, options, kinds.get("state_dir")).fit(encoded(model), kinds.get("valid"), seed)
    return model


def test_it_learns_what_follows_and_recommends_it():
    model = tiny_model(spread=1)
    training = Training(model, replace(OPTIONS, epochs=100, learning_rate=1e-2))
    before = training.loss_of(encoded(model))
    history = training.fit(encoded(model), None, 1)
    assert training.loss_of(encoded(model)) < before / 10
    assert [row["step"] for row in history][:2] == [10, 20]
    assert history[-1]["loss"] < history[0]["loss"]
    trie = catalogue_trie(titles(), model.tokenizer)
    items, _ = rank_items(model, trie, [pair.prompt for pair in circle()], BeamOptions(5))
    assert items[:, 0].tolist() == list(range(24))


def test_the_loss_is_that_of_completion_tokens_alone():
    model, pairs = tiny_model(), circle()[:5]
    tokenizer = model.tokenizer
    losses = []
    for pair in pairs:
        (start,), (rest,) = (
            tokenizer.prompts([pair.prompt]),
            tokenizer.completions([pair.completion]),
        )
        with torch.no_grad():
            logits = model.network(torch.tensor([start + rest])).logits[0, len(start) - 1 : -1]
        losses += torch.nn.functional.cross_entropy(
            logits, torch.tensor(rest), reduction="none"
        ).tolist()
    training = Training(model, replace(OPTIONS, bfloat16=False))
    assert training.loss_of(encoded(model, pairs)) == pytest.approx(np.mean(losses), rel=1e-5)
    few = Training(model, replace(OPTIONS, bfloat16=False, batch_tokens=1))
    assert few.loss_of(encoded(model, pairs)) == pytest.approx(np.mean(losses), rel=1e-5)


def test_a_batch_holds_prompt_and_completion_and_says_which_tokens_count():
    model = tiny_model()
    tokenizer, pairs = model.tokenizer, [Pair("soap", "oil"), Pair("rose\noil", "dry skin")]
    prompts = tokenizer.prompts([pair.prompt for pair in pairs])
    completions = tokenizer.completions([pair.completion for pair in pairs])
    rows = encoded(model, pairs)
    for whole in (False, True):
        batch = rows.batch(np.array([1, 0]), whole=whole)
        width = batch.ids.shape[1]
        expected: list[tuple[int, int]] = []
        for place, row in enumerate((1, 0)):
            text = prompts[row] + completions[row]
            assert batch.ids[place, : len(text)].tolist() == text
            first = 1 if whole else len(prompts[row])
            expected += [(place * width + at - 1, text[at]) for at in range(first, len(text))]
        assert list(zip(batch.positions.tolist(), batch.targets.tolist(), strict=True)) == expected


def test_a_long_prompt_keeps_its_end_and_a_long_completion_is_refused():
    tokenizer = tiny_model().tokenizer
    pair = Pair("\n".join(titles()), titles()[0])
    rows = EncodedPairs.of([pair], tokenizer, 40)
    (prompt,), (completion,) = (
        tokenizer.prompts([pair.prompt]),
        tokenizer.completions([titles()[0]]),
    )
    assert rows.ids.tolist() == (prompt + completion)[-40:]
    assert rows.prompt_lengths.tolist() == [40 - len(completion)]
    with pytest.raises(InputError, match="pair 1: its completion has"):
        EncodedPairs.of([pair, Pair("soap", pair.prompt)], tokenizer, 40)


@pytest.mark.parametrize("most", [1, 50, 400, 10**6])
def test_batches_hold_every_row_once_and_no_more_tokens_than_allowed(most):
    lengths = np.random.default_rng(0).integers(5, 60, 500)
    padded = []
    for rng in (None, np.random.default_rng(1)):
        batches = list(batch_rows(lengths, most, rng))
        assert sorted(np.concatenate(batches)) == list(range(500))
        sizes = [len(rows) * lengths[rows].max() for rows in batches]
        assert all(
            size <= max(most, lengths.max()) or len(rows) == 1
            for size, rows in zip(sizes, batches, strict=True)
        )
        padded.append(sum(sizes) / lengths.sum())
    if most == 400:
        assert max(padded) < 1.1  # rows in any order are padded by 1.6
    one, other = (list(batch_rows(lengths, most, np.random.default_rng(seed))) for seed in (1, 2))
    assert most == 10**6 or [r.tolist() for r in one] != [r.tolist() for r in other]


def test_it_repeats_by_seed_and_leaves_torchs_chance_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, same, other = (trained(replace(OPTIONS, epochs=3), seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert weights(one) == weights(same) != weights(other)


def test_the_weights_of_the_lowest_validation_loss_are_kept():
    model = tiny_model(spread=1)
    training = Training(model, replace(OPTIONS, epochs=200, patience=3, checkpoint_steps=5))
    valid = encoded(model, [Pair(pair.prompt, "x2 x2") for pair in circle()])
    history = training.fit(encoded(model), valid, 1)
    values = [row["validation"] for row in history]
    assert values.index(min(values)) == len(values) - 4 > 0
    assert training.loss_of(valid) == min(values)
    assert not model.network.training


def test_steps_end_where_they_are_limited():
    model = tiny_model(spread=1)
    history = Training(model, replace(OPTIONS, most_steps=13)).fit(encoded(model), None, 1)
    assert [row["step"] for row in history] == [10, 13]


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("after", [3, 10, 17])
def test_a_broken_off_training_ends_with_the_same_weights(tmp_path, after, monkeypatch):
    options = replace(OPTIONS, epochs=10)
    whole = trained(options)
    step, taken = Training.step, iter(range(10**6))

    def break_off(self, *arguments):
        if next(taken) == after:
            raise KilledError
        return step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "step", break_off)
        with pytest.raises(KilledError):
            trained(options, state_dir=tmp_path)
    assert weights(trained(options, state_dir=tmp_path)) == weights(whole)
    # A finished one is not trained again: a checkpoint of all steps gives its weights.
    assert weights(trained(options, state_dir=tmp_path)) == weights(whole)


LONG = replace(OPTIONS, epochs=40)


def test_a_killed_process_ends_with_the_same_weights(tmp_path):
    code = "from tests.unit.test_llm_training import *; trained(LONG, state_dir=state_dir)"
    kept = kill_after_steps(code, tmp_path, 2 * LONG.checkpoint_steps)
    model = tiny_model(spread=1)
    history = Training(model, LONG, tmp_path).fit(encoded(model), None, 1)
    assert 2 * LONG.checkpoint_steps <= kept < history[-1]["step"]
    assert weights(model) == weights(trained(LONG))


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    options = replace(OPTIONS, epochs=1)
    trained(options, state_dir=tmp_path)
    with pytest.raises(InputError, match="another seed; remove"):
        trained(options, seed=2, state_dir=tmp_path)
    model = tiny_model()
    next(model.network.parameters()).requires_grad_(False)
    with pytest.raises(InputError, match="another network; remove"):
        Training(model, options, tmp_path).fit(encoded(model), None, 1)


def test_a_loss_that_is_no_number_names_the_learning_rate():
    with pytest.raises(InputError, match="learning_rate"):
        trained(replace(OPTIONS, learning_rate=1e30))


def test_a_saved_model_is_read_back(tmp_path):
    model = tiny_model()
    model.save(tmp_path / "model")
    assert not [path for path in (tmp_path / "model").iterdir() if path.suffix in {".bin", ".pt"}]
    saved = load_file(tmp_path / "model" / "model.safetensors")
    assert all(
        torch.equal(weight, model.network.state_dict()[name]) for name, weight in saved.items()
    )
    loaded = load_language_model(ModelSource(str(tmp_path / "model")))
    assert weights(loaded) == weights(model)
    trie, prompts = catalogue_trie(titles(), model.tokenizer), [titles()[3]]
    for one, other in zip(*(rank_items(m, trie, prompts) for m in (model, loaded)), strict=True):
        np.testing.assert_array_equal(one, other)
    model.save(tmp_path / "model")  # in the place of the old one
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_the_usual_shape_has_five_million_weights():
    tokenizer = tiny_model().tokenizer
    model = make_small_model(tokenizer)
    count = sum(weight.numel() for weight in model.network.parameters())
    assert count + (8192 - tokenizer.size) * 256 == pytest.approx(5.0e6, rel=0.02)
    assert weights(make_small_model(tokenizer)) == weights(model)
    assert weights(make_small_model(tokenizer, seed=1)) != weights(model)


def test_folders_that_cannot_be_used_end_in_one_line(tmp_path):
    folder = tmp_path / "model"
    with pytest.raises(InputError, match="neither on this machine nor may it be downloaded"):
        load_language_model(ModelSource("nobody/nothing"))
    with pytest.raises(InputError, match="40 digits"):
        load_language_model(ModelSource("nobody/nothing", allow_download=True))
    tiny_model().save(folder)
    config = (folder / "config.json").read_text()
    for extra, problem in (
        ('"auto_map": {"AutoModelForCausalLM": "mine.Mine"}', "auto_map"),
        ('"final_logit_softcapping": 30.0', "final_logit_softcapping"),
    ):
        (folder / "config.json").write_text(config.replace("{", "{" + extra + ",", 1))
        with pytest.raises(InputError, match=problem):
            load_language_model(ModelSource(str(folder)))
    (folder / "config.json").write_text(config.replace('"llama"', '"unheard-of"'))
    with pytest.raises(InputError, match="not a causal language model"):
        load_language_model(ModelSource(str(folder)))
    (folder / "config.json").write_text(config)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="pickled weights are refused"):
        load_language_model(ModelSource(str(folder)))
