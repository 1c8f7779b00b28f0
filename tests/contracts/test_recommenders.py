"""What every registered recommender owes its users, on sessions whose best answers are known.

A model that is added to the registry is tested without a change here. Settings of a model beyond
its defaults are listed in VARIANTS.
"""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmseqrec.models.base import Catalogue, Recommender, Setting
from llmseqrec.models.combined import Combined
from llmseqrec.registry import MODELS, load, parameters_class
from llmseqrec.sessions import IntArray, Sessions, withhold_last

# Items 0-4 and 5-9 are two groups, HUB is in every session and near every vector, 11 is in none.
GROUPS = (range(5), range(5, 10))
HUB, UNSEEN, N_ITEMS = 10, 11, 12
K = 6

VARIANTS: dict[str, list[dict[str, Any]]] = {
    "sknn": [
        {"decay": "harmonic", "k": 7, "sample_size": 11},
        {"sampling": "random", "sample_size": 5},
        {"sampling": "idf_greedy", "sample_size": 9, "idf_weighting": True},
        {"sequential_weighting": True, "last_n_items": 2},
        {"sequential_filter": True, "similarity": "dot"},
        {"exclude_seen": False},
    ],
    "sknn_emb": [
        {"decay": "harmonic", "training_decay": "linear", "similarity": "dot", "k": 7},
        {"pooling": "last", "training_pooling": "last", "idf_weighting": True},
        {"sampling": "random", "sample_size": 5, "prompt_decay_for_training": True},
    ],
    "cooccurrence": [
        {"distance_decay": None, "decay": None, "popularity_exponent": 0.0},
        {"window": 1, "last_n_items": 2},
        {"exclude_seen": False},
    ],
    "popularity_hybrid": [{"length": 3, "diversity_quantiles": [0.9]}],
    "embedding_ensemble": [{"confidences": [0.5], "ranks": []}],
    "blend": [
        {"normalisation": "z_score"},
        {"normalisation": "maximum", "weights": [1.0, 0.0]},
        {"exclude_seen": False},
    ],
    "llm_seq_sim": [
        {"decay": "harmonic"},
        {"pooling": "last", "similarity": "dot", "exclude_seen": False},
        {"pooling": "text"},
        {"similarity": "euclidean"},
    ],
}
NEURAL_VARIANTS: list[dict[str, Any]] = [
    {"fidelity": "reference"},
    {"item_vectors": {"mode": "adapter", "control": "random"}},
]
VARIANTS |= {
    "sasrec": [
        *NEURAL_VARIANTS,
        {"loss": "sampled_softmax", "negatives": 8},
        {"loss": "gbce", "negatives": 8},
        {"loss": "bce", "negatives": 8, "shared_negatives": False},
        {"item_vectors": {"mode": "adapter", "adapter_hidden": 16}},
        {"item_vectors": {"mode": "delta", "delta_share": 2.0, "scale": "match_random_norm"}},
        {"item_vectors": {"mode": "null_space", "null_dimensions": 8}},
        {"item_vectors": {"control": "permuted", "scale": 0.5}},
        {"item_vectors": {"control": "matched_norm"}},
        {"item_vectors": {"control": "svd"}},
    ],
    "bert4rec": NEURAL_VARIANTS,
    "gru4rec": NEURAL_VARIANTS,
}
# Enough to learn forty sessions; defaults are for thousands.
NEURAL_TRAINING = {
    "dim": 14,
    "learning_rate": 0.02,
    "batch_size": 8,
    "max_epochs": 25,
    "patience": 25,
    "dropout": 0.0,
    "max_length": 6,
}
# Each session is there many times, differently masked.
OWN_TRAINING: dict[str, dict[str, Any]] = {"bert4rec": {"batch_size": 88}}
COMPONENTS = ("llm_seq_sim", "sknn")  # of models that combine others
PREFERS_THE_HUB = {"most_popular", "sknn", "llm_seq_sim"}
CASES = [
    (name, options)
    for name, entry in MODELS.items()
    if entry.recommender is not None
    for options in ({}, *VARIANTS.get(name, []))
]


def case_name(value: object) -> str:
    if isinstance(value, dict):
        return "-".join(f"{key}={option}" for key, option in value.items()) or "defaults"
    return str(value)


every_model = pytest.mark.parametrize(("name", "options"), CASES, ids=case_name)


def sessions_of(lists: Sequence[Sequence[int]], first_id: int = 0) -> Sessions:
    offsets = np.cumsum([0, *map(len, lists)]).astype(np.int64)
    items = np.array([item for items in lists for item in items], dtype=np.int32)
    ids = first_id + np.arange(len(lists), dtype=np.int32)
    return Sessions(offsets, items, ids, 1000 + np.arange(len(items), dtype=np.int64))


def training_lists() -> list[list[int]]:
    """Sessions walk round the items of one group; HUB stands somewhere between."""
    lists = []
    for number in range(40):
        group, start = GROUPS[number % 2], number // 2
        items = [group[(start + step) % 5] for step in range(3)]
        items.insert(1 + number % 3, HUB)
        lists.append(items)
    return lists


def item_vectors() -> np.ndarray:
    """(N_ITEMS, 14) HUB is the first axis; the others lean to it, less to their group's."""
    vectors = np.zeros((N_ITEMS, 14))
    vectors[:HUB, 0] = 1
    for axis, group in enumerate(GROUPS, start=1):
        vectors[list(group), axis] = 0.4
    vectors[range(HUB), range(3, 3 + HUB)] = np.linspace(0.9, 1.1, HUB)
    vectors[HUB, 0] = 1
    vectors[UNSEEN, 13] = 1
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def encode(texts: Sequence[str]) -> np.ndarray:
    """The mean of the vectors of the items that a text names; zero for an empty text."""
    vectors = item_vectors()
    encoded = np.zeros((len(texts), vectors.shape[1]), dtype=np.float32)
    for row, text in enumerate(texts):
        if text:
            encoded[row] = vectors[[int(word) for word in text.split(", ")]].mean(axis=0)
    return encoded


def unfitted(name: str, options: dict[str, Any], seed: int = 3) -> Recommender[Any]:
    catalogue = Catalogue(N_ITEMS, item_vectors(), [str(item) for item in range(N_ITEMS)], encode)
    setting = Setting(np.random.default_rng(seed))
    if MODELS[name].neural:
        options = NEURAL_TRAINING | OWN_TRAINING.get(name, {}) | options
    made: Recommender[Any] = load(MODELS[name].recommender or "")(
        parameters_class(name)(**options), catalogue, setting
    )
    if isinstance(made, Combined):
        components = [fitted(part, {}) for part in COMPONENTS[: MODELS[name].fewest]]
        tried = made.parameters.options(len(components))
        made.combine(components, tried[len(tried) // 2])
    return made


def fitted(name: str, options: dict[str, Any], seed: int = 3) -> Recommender[Any]:
    """A fitted model, fitted once; tests only ask it."""
    return _fitted_once(name, json.dumps(options), seed)


@cache
def _fitted_once(name: str, options: str, seed: int) -> Recommender[Any]:
    model = unfitted(name, json.loads(options), seed)
    fit(model)
    return model


def brief(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Options to train a few epochs only: enough to see whether two trainings are the same."""
    return {"max_epochs": 4} | options if MODELS[name].neural else options


def fit(model: Recommender[Any], train: Sessions | None = None) -> None:
    """Fit to the training sessions; they also decide when to stop, as four held out are too few."""
    train = sessions_of(training_lists()) if train is None else train
    model.fit(train, withhold_last(train))


def prompts() -> Sessions:
    """Ordinary, repeated, long, empty and unknown prompts."""
    lists = [[0], [5, 6], [0, 1, 2, 0], [7, HUB, 8], [], [UNSEEN], [UNSEEN, 3], [9, 8, 7, 6, 5]]
    return sessions_of(lists, first_id=100)


def lists_of(model: Recommender[Any], asked: Sessions, k: int = K) -> list[list[int]]:
    return [[item for item in row if item >= 0] for row in model.recommend(asked, k)[0].tolist()]


@every_model
def test_lists_are_well_formed(name: str, options: dict[str, Any]) -> None:
    items, scores = fitted(name, options).recommend(prompts(), K)
    assert items.shape == scores.shape == (len(prompts()), K)
    assert (items.dtype, scores.dtype) == (np.int32, np.float32)
    assert items.min() >= -1
    assert items.max() < N_ITEMS
    listed = items >= 0
    assert (np.diff(listed.astype(int), axis=1) <= 0).all()  # padding stands at the end
    assert np.isfinite(scores[listed]).all()
    assert (scores[~listed] == -np.inf).all()
    for row, kept in zip(items, listed, strict=True):
        assert len(set(row[kept].tolist())) == kept.sum()


@every_model
def test_scores_descend_and_ties_go_by_item_id(name: str, options: dict[str, Any]) -> None:
    items, scores = fitted(name, options).recommend(prompts(), N_ITEMS)
    for row, values in zip(items, scores, strict=True):
        known = row >= 0
        keys = list(zip(-values[known], row[known], strict=True))
        assert keys == sorted(keys)


@every_model
def test_seen_items_are_not_listed_where_they_are_excluded(
    name: str, options: dict[str, Any]
) -> None:
    model = fitted(name, options)
    if not getattr(model.parameters, "exclude_seen", False):
        pytest.skip("keeps seen items")
    if getattr(model.parameters, "last_n_items", None):
        pytest.skip("forgets all but the last items, as the reference does")
    asked = prompts()
    for number, listed in enumerate(lists_of(model, asked, N_ITEMS)):
        assert not set(listed) & set(asked.items[asked.rows == number].tolist())


@every_model
def test_the_item_of_all_sessions_comes_first(name: str, options: dict[str, Any]) -> None:
    if name not in PREFERS_THE_HUB or options.get("idf_weighting"):
        pytest.skip("need not prefer what everyone has")
    asked = [[0], [1, 2], [6], [8, 9]]
    lists = lists_of(fitted(name, options), sessions_of(asked), N_ITEMS)
    seen = [set(prompt) for prompt in asked]
    fresh = [[i for i in row if i not in s] for row, s in zip(lists, seen, strict=True)]
    assert [row[0] for row in fresh] == [HUB] * len(asked)


@every_model
def test_prompts_of_a_group_get_items_of_the_group(name: str, options: dict[str, Any]) -> None:
    if name == "most_popular":
        pytest.skip("knows no prompt")
    if options.get("diversity_quantiles"):
        pytest.skip("leaves out what is like the rest")
    asked = [[group[start], group[(start + 1) % 5]] for group in GROUPS for start in range(5)]
    lists = lists_of(fitted(name, options), sessions_of(asked), 2)
    assert all(lists)
    right = [
        item in group or item == HUB
        for group, rows in zip(GROUPS, (lists[:5], lists[5:]), strict=True)
        for row in rows
        for item in row
    ]
    # A network learns what comes next, not what goes together; chance is a half.
    assert np.mean(right) >= (0.6 if MODELS[name].neural else 1.0)


@every_model
def test_recommend_agrees_with_score(name: str, options: dict[str, Any]) -> None:
    model, asked = fitted(name, options), prompts()
    items, best = model.recommend(asked, K)
    scores = np.concatenate([np.array(batch, dtype=np.float32) for batch in model.score(asked)])
    assert scores.shape == (len(asked), N_ITEMS)
    assert not np.isnan(scores).any()
    listed = items >= 0
    rows = np.nonzero(listed)[0]
    np.testing.assert_allclose(scores[rows, items[listed]], best[listed], rtol=1e-5, atol=1e-6)
    sorted_scores = -np.sort(-scores, axis=1)[:, :K]
    np.testing.assert_allclose(best, sorted_scores, rtol=1e-5, atol=1e-6)


@every_model
def test_batches_do_not_matter(name: str, options: dict[str, Any]) -> None:
    model, asked = fitted(name, options), prompts()
    together: IntArray = model.recommend(asked, K)[0]
    for size in (1, 3):
        apart = [model.recommend(batch, K)[0] for batch in asked.batches(size)]
        np.testing.assert_array_equal(np.concatenate(apart), together)


@every_model
def test_prompts_do_not_influence_each_other(name: str, options: dict[str, Any]) -> None:
    model, asked = fitted(name, options), prompts()
    backwards = [asked.take(slice(n, n + 1)) for n in reversed(range(len(asked)))]
    joined = Sessions(
        np.cumsum([0, *(len(one.items) for one in backwards)]).astype(np.int64),
        np.concatenate([one.items for one in backwards]),
        np.concatenate([one.session_ids for one in backwards]),
    )
    np.testing.assert_array_equal(model.recommend(joined, K)[0], model.recommend(asked, K)[0][::-1])


@every_model
def test_a_saved_model_gives_the_same_lists(
    name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    model = fitted(name, options)
    model.save(tmp_path)
    loaded = unfitted(name, options, seed=99)
    loaded.load(tmp_path)
    for first, second in zip(
        model.recommend(prompts(), K), loaded.recommend(prompts(), K), strict=True
    ):
        np.testing.assert_array_equal(first, second)


@every_model
def test_the_same_seed_gives_the_same_model_and_lists(
    name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    options = brief(name, options)
    first, second = fitted(name, options), unfitted(name, options)
    fit(second)
    first.save(tmp_path / "first")
    second.save(tmp_path / "second")
    stored = [(tmp_path / n / "model.safetensors").read_bytes() for n in ("first", "second")]
    assert stored[0] == stored[1]
    np.testing.assert_array_equal(first.recommend(prompts(), K), second.recommend(prompts(), K))


@every_model
def test_asking_changes_nothing(name: str, options: dict[str, Any]) -> None:
    model = fitted(name, options)
    before = lists_of(model, prompts())
    model.recommend(sessions_of([[2, 3], [HUB]]), 2)
    assert lists_of(model, prompts()) == before


@every_model
def test_no_prompts_no_lists(name: str, options: dict[str, Any]) -> None:
    items, scores = fitted(name, options).recommend(sessions_of([]), K)
    assert items.shape == scores.shape == (0, K)


@every_model
def test_lists_can_be_longer_than_the_catalogue(name: str, options: dict[str, Any]) -> None:
    model = fitted(name, options)
    items, _ = model.recommend(prompts(), N_ITEMS + 3)
    assert (items[:, N_ITEMS:] == -1).all()
    known = slice(0, 4)  # the others tie with whole groups of items, up to rounding
    short, _ = model.recommend(prompts().take(known), 2)
    np.testing.assert_array_equal(items[known, :2], short)


@every_model
def test_prompts_may_be_memory_mapped(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    prompts().save(tmp_path / "test")
    model = fitted(name, options)
    assert lists_of(model, Sessions.load(tmp_path / "test")) == lists_of(model, prompts())


@every_model
def test_training_sessions_may_be_memory_mapped(
    name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    options = brief(name, options)
    sessions_of(training_lists()).save(tmp_path / "train")
    model = unfitted(name, options)
    fit(model, Sessions.load(tmp_path / "train"))
    model.save(tmp_path)
    assert lists_of(model, prompts()) == lists_of(fitted(name, options), prompts())


def test_another_seed_draws_other_neighbours() -> None:
    options = VARIANTS["sknn"][1]
    first, second = (fitted("sknn", options, seed).recommend(prompts(), K)[1] for seed in (3, 4))
    assert not np.array_equal(first, second)
