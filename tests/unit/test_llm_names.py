"""A language model that learns which name of the catalogue comes, and not how it is spelled."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from llmseqrec.errors import InputError
from llmseqrec.llm.beam_search import BeamOptions
from llmseqrec.llm.decoding import catalogue_trie, rank_items
from llmseqrec.llm.language_model import LanguageModel
from llmseqrec.llm.name_loss import TOKEN_STEP, NameLoss, name_paths, spelling_loss, with_choices
from llmseqrec.llm.pairs import EncodedPairs, Pair
from llmseqrec.llm.small_model import make_small_model
from llmseqrec.llm.tokenizer import train_tokenizer
from llmseqrec.llm.training import Training, TrainingOptions
from llmseqrec.llm.trie import Trie
from tests.unit.language_models import TINY, circle, prompts, tiny_model, titles

AMONG_NAMES = BeamOptions(len(titles()), among_names=True)
OPTIONS = TrainingOptions(
    epochs=100, batch_tokens=1024, learning_rate=1e-2, warmup_steps=5, checkpoint_steps=10
)
# Titles of a catalogue stand in one line; those of `titles` may hold a line break.
LINES = [title.replace("\n", " ") for title in titles()]


def one_line_model() -> LanguageModel:
    return make_small_model(train_tokenizer(LINES, 400, phrases=True), TINY, 0)


def chosen(model: LanguageModel, pairs: list[Pair], names: list[str]) -> tuple[EncodedPairs, Trie]:
    trie = catalogue_trie(names, model.tokenizer)
    encoded = EncodedPairs.of(pairs, model.tokenizer, 256)
    paths = name_paths(trie, names, model.tokenizer)
    return with_choices(encoded, paths, model.tokenizer), trie


def table(model: LanguageModel) -> torch.Tensor:
    weight: torch.Tensor = model.network.get_output_embeddings().weight
    return weight


def test_the_probabilities_of_all_names_sum_to_one():
    model = tiny_model()
    trie = catalogue_trie(titles(), model.tokenizer)
    _, scores = rank_items(model, trie, prompts(5), AMONG_NAMES)
    assert np.exp(scores).sum(axis=1) == pytest.approx(np.ones(5), rel=1e-4)
    _, among_all = rank_items(model, trie, prompts(5), BeamOptions(len(titles())))
    assert (np.exp(among_all).sum(axis=1) < 0.9).all()


def test_the_loss_of_a_completion_is_the_log_probability_that_decoding_gives_it():
    model = one_line_model()
    pairs = [Pair(prompt.replace("\n", " "), LINES[n]) for n, prompt in enumerate(prompts(12))]
    names = list(dict.fromkeys(LINES))
    encoded, trie = chosen(model, pairs, names)
    training = Training(model, replace(OPTIONS, bfloat16=False), None, trie)
    options = BeamOptions(len(names), among_names=True)
    items, scores = rank_items(model, trie, [pair.prompt for pair in pairs], options)
    for number, pair in enumerate(pairs):
        place = items[number].tolist().index(names.index(pair.completion))
        batch = encoded.batch(np.array([number]))
        with torch.no_grad():
            loss = float(training.loss(batch)) * len(batch.targets)
        assert loss == pytest.approx(-scores[number, place], rel=1e-4)


def test_its_gradient_is_that_of_the_softmax_among_children():
    model = one_line_model()
    encoded, trie = chosen(model, [Pair("\n".join(LINES[:9]), LINES[9])], LINES)
    choices = encoded.batch(np.array([0]), whole=True).targets
    states = torch.randn(len(choices), TINY.dim, generator=torch.manual_seed(0))
    weight = table(model).detach().clone().requires_grad_()
    given = states.clone().requires_grad_()
    NameLoss(trie, weight)(given, choices).backward()
    plain, own = table(model).detach().clone().requires_grad_(), states.clone().requires_grad_()
    losses = []
    for state, node in zip(own, choices.tolist(), strict=True):
        parent = int(np.searchsorted(trie.first_child, node, "right")) - 1
        siblings = np.arange(trie.first_child[parent], trie.first_child[parent + 1])
        scores = plain[torch.from_numpy(trie.tokens[siblings])] @ state
        losses.append(torch.logsumexp(scores, 0) - scores[node - siblings[0]])
    torch.stack(losses).mean().backward()
    torch.testing.assert_close(given.grad, own.grad, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(weight.grad, plain.grad, rtol=1e-4, atol=1e-6)


def test_lines_of_a_prompt_count_where_they_are_names():
    model = one_line_model()
    pair = Pair(f"{LINES[0]}\nno such title\n{LINES[1]}", LINES[2])
    encoded, trie = chosen(model, [pair], LINES)
    (completion,) = model.tokenizer.completions([pair.completion])
    lines = [model.tokenizer.completions([line])[0] for line in pair.prompt.split("\n")]
    found = encoded.targets >= 0
    starts = np.cumsum([0, *map(len, lines)])
    assert len(found) == sum(map(len, lines)) + len(completion)  # a line break ends as `end` does
    assert not found[starts[1] : starts[2]].any()
    for start, line in zip([starts[0], starts[2], starts[3]], [0, 1, 2], strict=True):
        ids, nodes = model.tokenizer.completions([LINES[line]])[0], []
        for place, token in enumerate(ids):
            alternatives = {
                tuple(other[: place + 1])
                for other in model.tokenizer.completions(LINES)
                if other[:place] == ids[:place]
            }
            assert found[start + place] == (len(alternatives) > 1)
            if found[start + place]:
                nodes.append((int(encoded.targets[start + place]), token))
        assert all(trie.tokens[node] == token for node, token in nodes)
    first = encoded.batch(np.array([0]))
    assert len(first.targets) == found[starts[3] :].sum()


def test_it_learns_what_follows_and_ranks_the_catalogue_by_it():
    model, names = one_line_model(), list(dict.fromkeys(LINES))
    by_title = dict(zip(titles(), LINES, strict=True))
    pairs = [Pair(pair.prompt, by_title[pair.completion]) for pair in circle()]
    encoded, trie = chosen(model, pairs, names)
    training = Training(model, OPTIONS, None, trie)
    before = training.loss_of(encoded)
    history = training.fit(encoded, encoded, 1)
    assert training.loss_of(encoded) < before / 10
    assert history[-1]["validation"] < 0.2
    found, _ = rank_items(
        model, trie, [pair.prompt for pair in pairs], BeamOptions(5, among_names=True)
    )
    assert [names[row[0]] for row in found] == [pair.completion for pair in pairs]


def test_spelling_is_learned_beside_names_where_it_counts():
    losses = {}
    for spelling in (0.0, 1.0):
        model = one_line_model()
        encoded, trie = chosen(model, [Pair(LINES[0], line) for line in LINES[1:9]], LINES)
        options = replace(OPTIONS, bfloat16=False, spelling=spelling)
        Training(model, options, None, trie).fit(encoded, None, 1)
        losses[spelling] = Training(model, options).loss_of(replace(encoded, targets=None))
    assert losses[1.0] < 0.7 * losses[0.0]


def test_the_loss_of_spelling_is_that_among_the_tokens_of_the_batch():
    generator = torch.manual_seed(0)
    states, table = (torch.randn(*shape, generator=generator) for shape in ((2, 4, 8), (300, 8)))
    ids = torch.tensor([[3, 5, 0, 0], [7, 3, 3, 0]])  # 0 ends and fills up
    tokens = list(range(TOKEN_STEP))  # those that are next somewhere, and as many others
    expected = [
        torch.logsumexp(states[row, place] @ table[tokens].T, 0) - states[row, place] @ table[token]
        for row, place, token in [(0, 0, 5), (0, 1, 0), (1, 0, 3), (1, 1, 3), (1, 2, 0)]
    ]
    found = spelling_loss(states, ids, 0, table)
    torch.testing.assert_close(found, torch.stack(expected).mean())


def test_a_catalogue_without_alternatives_is_refused_by_its_file(tmp_path):
    from llmseqrec.contracts import write_json
    from llmseqrec.llm.providers.base import TuningFiles
    from llmseqrec.llm.tuning import names_of

    write_json([], tmp_path / "names.json")
    with pytest.raises(InputError, match="loss: answers of this task are no names"):
        names_of(TuningFiles(tmp_path, tmp_path, tmp_path / "names.json"))
    write_json(["soap"], tmp_path / "names.json")
    assert names_of(TuningFiles(tmp_path, tmp_path, tmp_path / "names.json")) == ["soap"]
