"""Constrained beam search against transformers' own, and free sampling against its definition."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.decoding import BEAMS, generate
from llmseqrec.llm.beam_search import BeamOptions, search
from llmseqrec.llm.branches import Branches
from llmseqrec.llm.decoding import catalogue_trie, rank_items, sample_texts
from llmseqrec.llm.language_model import LanguageModel
from llmseqrec.llm.sampling import SamplingOptions, draw
from tests.unit.language_models import prompts, tiny_model, titles

MODEL = tiny_model()


@pytest.mark.parametrize("penalty", [0.0, 1.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_lists_are_those_of_generate_with_a_prefix_function(seed, penalty):
    model, texts = tiny_model(seed), prompts(6)
    trie = catalogue_trie(titles(), model.tokenizer)
    items, _ = rank_items(model, trie, texts, BeamOptions(BEAMS, penalty), batch_size=4)
    expected = generate(model, texts, model.tokenizer.completions(titles()), penalty)
    assert [[titles()[item] for item in row] for row in items] == expected


def log_probability(model: LanguageModel, prompt: str, completion: str) -> float:
    """Of a completion, computed from the whole text at once."""
    (start,), (rest,) = model.tokenizer.prompts([prompt]), model.tokenizer.completions([completion])
    with torch.no_grad():
        logits = model.network(torch.tensor([start + rest])).logits[0, len(start) - 1 : -1]
    picked = torch.log_softmax(logits, dim=-1)[torch.arange(len(rest)), torch.tensor(rest)]
    return float(picked.double().sum())


def test_a_wide_beam_ranks_the_whole_catalogue_by_probability():
    trie, texts = catalogue_trie(titles(), MODEL.tokenizer), prompts(3)
    items, scores = rank_items(MODEL, trie, texts, BeamOptions(len(titles())))
    for prompt, row, values in zip(texts, items, scores, strict=True):
        exact = np.array([log_probability(MODEL, prompt, title) for title in titles()])
        assert row.tolist() == np.argsort(-exact, kind="stable").tolist()
        np.testing.assert_allclose(values, exact[row], rtol=1e-4)


def test_twenty_beams_give_twenty_different_items_of_the_catalogue():
    texts = prompts(10)
    items, scores = rank_items(MODEL, catalogue_trie(titles(), MODEL.tokenizer), texts)
    assert items.shape == (10, 20)
    assert all(len(set(row)) == 20 for row in items.tolist())
    assert items.min() >= 0
    assert items.max() < len(titles())
    assert (np.diff(scores) <= 0).all()
    assert len({tuple(row) for row in items.tolist()}) > 1  # the prompt matters


def test_a_result_does_not_depend_on_the_batch_it_is_in():
    trie, texts = catalogue_trie(titles(), MODEL.tokenizer), prompts(7)
    together = rank_items(MODEL, trie, texts, batch_size=7)
    alone = rank_items(MODEL, trie, texts, batch_size=1)
    np.testing.assert_array_equal(together[0], alone[0])
    np.testing.assert_allclose(together[1], alone[1], rtol=1e-5)
    again = rank_items(MODEL, trie, texts, batch_size=7)
    np.testing.assert_array_equal(together[1], again[1])


def test_items_of_one_title_stand_together_and_nameless_ones_are_left_out():
    names = list(titles(30))
    names[4], names[11], names[20] = names[25], names[25], ""
    trie = catalogue_trie(names, MODEL.tokenizer)
    items, scores = rank_items(MODEL, trie, prompts(2), BeamOptions(40))
    for row, values in zip(items.tolist(), scores, strict=True):
        place = row.index(4)
        assert row[place : place + 3] == [4, 11, 25]
        assert len(set(values[place : place + 3].tolist())) == 1
        assert sorted(row[:29]) == [item for item in range(30) if item != 20]
        assert row[29:] == [-1] * 11
        assert np.isneginf(values[29:]).all()
        assert np.isfinite(values[:29]).all()


def test_equal_scores_are_ranked_by_token():
    model = tiny_model()
    for weight in model.network.parameters():
        weight.data.zero_()  # every token is as likely as any other
    completions = [[9, 0], [4, 0], [7, 0], [2, 0], [5, 0]]
    trie = catalogue_trie(titles(), model.tokenizer)
    trie = type(trie).of(completions, np.arange(5, dtype=np.int32))
    (found,) = search(model, [[1, 2]], trie, BeamOptions(3))
    assert [trie.items_at(leaf).tolist() for leaf in found.leaves] == [[3], [1], [4]]


def test_a_prompt_that_leaves_no_room_keeps_its_end():
    trie = catalogue_trie(titles(), MODEL.tokenizer)
    room = MODEL.context - trie.depth
    (ids,) = MODEL.tokenizer.prompts(["\n".join(titles())])
    assert len(ids) > room
    (expected,) = search(MODEL, [ids[-room:]], trie, BeamOptions())
    items, _ = rank_items(MODEL, trie, ["\n".join(titles())])
    assert items[0].tolist() == [trie.items_at(leaf)[0] for leaf in expected.leaves]


@pytest.mark.parametrize("slack", [0, 1000])
def test_branches_score_as_the_whole_text_does(slack, monkeypatch):
    monkeypatch.setattr("llmseqrec.llm.branches.SLACK", slack)
    rng = np.random.default_rng(0)
    starts = [[5, 6, 7, 8], [9, 10], [11]]
    texts = [[list(start)] for start in starts]
    with torch.no_grad():
        branches = Branches(MODEL, starts)
        for step in range(8):
            if step == 5:
                branches.keep(np.array([0, 2]))
                texts = [texts[0], texts[2]]
            count = int(rng.integers(1, 5))
            parents = rng.integers(len(texts[0]), size=(len(texts), count))
            tokens = rng.integers(300, size=parents.shape) % MODEL.tokenizer.size
            texts = [
                [row[parent] + [int(token)] for parent, token in zip(*pair, strict=True)]
                for row, *pair in zip(texts, parents, tokens, strict=True)
            ]
            scores = branches.grow(parents, tokens)
            for row, own in zip(texts, scores, strict=True):
                for text, values in zip(row, own, strict=True):
                    expected = MODEL.network(torch.tensor([text])).logits[0, -1]
                    torch.testing.assert_close(values, expected, rtol=1e-3, atol=1e-3)


SAMPLING = SamplingOptions(samples=6, most_tokens=12, temperature=0.8, top_p=0.9, seed=3)


def test_samples_follow_from_seed_and_prompt_alone():
    texts = prompts(5)
    whole = sample_texts(MODEL, texts, SAMPLING, batch_size=5)
    assert [len(row) for row in whole] == [6] * 5
    assert sample_texts(MODEL, texts[::-1], SAMPLING, batch_size=2) == whole[::-1]
    assert len({text for row in whole for text in row}) > 6
    assert sample_texts(MODEL, texts, replace(SAMPLING, seed=4)) != whole


def test_prompts_of_equal_length_have_chances_of_their_own():
    model = tiny_model()
    for weight in model.network.parameters():
        weight.data.zero_()  # every token is as likely as any other
    first, second = sample_texts(model, ["soap", "care"], SAMPLING)
    assert first != second


def test_without_temperature_the_likeliest_token_is_taken():
    options = replace(SAMPLING, temperature=0.0, samples=2)
    (first, second), *_ = sample_texts(MODEL, prompts(1), options)
    assert first == second
    (ids,) = MODEL.tokenizer.prompts(prompts(1))
    made = MODEL.network.generate(
        torch.tensor([ids]), do_sample=False, max_new_tokens=12, pad_token_id=MODEL.tokenizer.end
    )
    assert MODEL.tokenizer.text(made[0, len(ids) :].tolist()) == first


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.5, 1.0), (2.0, 0.6), (1.0, 0.1)])
@pytest.mark.parametrize("looked_at", [2, 256])
def test_draws_have_the_probabilities_that_were_asked_for(
    temperature, top_p, looked_at, monkeypatch
):
    monkeypatch.setattr("llmseqrec.llm.sampling.MOST_LIKELY", looked_at)
    probabilities = torch.tensor([0.05, 0.4, 0.15, 0.3, 0.1], dtype=torch.float64)
    expected = probabilities ** (1 / temperature)
    expected /= expected.sum()
    order = expected.argsort(descending=True)
    beyond = order[expected[order].cumsum(0) - expected[order] >= top_p]
    expected[beyond] = 0
    expected /= expected.sum()
    chance = (torch.arange(100_000) + 0.5) / 100_000
    drawn = draw(probabilities.log().expand(len(chance), 5), chance, temperature, top_p)
    shares = torch.bincount(drawn, minlength=5) / len(chance)
    torch.testing.assert_close(shares.double(), expected, rtol=0, atol=2e-5)


def test_a_text_ends_at_the_limit():
    options = replace(SAMPLING, most_tokens=1, temperature=5.0)
    for text in sample_texts(MODEL, prompts(1), options)[0]:
        assert len(MODEL.tokenizer.completions([text])[0]) <= 2 or "�" in text
