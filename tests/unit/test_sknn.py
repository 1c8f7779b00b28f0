"""The SKNN family: agreement with a naive implementation, ties, sampling, saving."""

from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseqrec.errors import InputError
from llmseqrec.models.base import Catalogue, Setting
from llmseqrec.models.neighbours import keep_best, random_keys
from llmseqrec.models.parameters import SKNNParameters
from llmseqrec.models.sknn import SKNN
from llmseqrec.sessions import Sessions

N_ITEMS = 9
Lists = list[list[int]]
DECAYS = {
    None: lambda age: 1.0,
    "linear": lambda age: max(1e-4, 1 - 0.1 * (age - 1)),
    "log": lambda age: 1 / (np.log(float(age)) + 1),
    "harmonic": lambda age: 1 / age,
    "quadratic": lambda age: 1 / (age * age),
}


def sessions_of(lists: Lists, ends: list[int] | None = None, first_id: int = 0) -> Sessions:
    """Sessions; `ends` has the time of each session's end, or is None where there are no times."""
    lengths = [len(items) for items in lists]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    items = np.array([item for items in lists for item in items], dtype=np.int32)
    ids = np.arange(first_id, first_id + len(lists), dtype=np.int32)
    times = None if ends is None else np.repeat(np.array(ends, dtype=np.int64), lengths)
    return Sessions(offsets, items, ids, times)


def fitted(train: Sessions, seed: int = 1, **parameters: Any) -> SKNN:
    setting = Setting(np.random.default_rng(seed))
    model = SKNN(SKNNParameters(**parameters), Catalogue(N_ITEMS), setting)
    model.fit(train)
    return model


class Naive:
    """The study's description, one prompt and one session at a time."""

    def __init__(self, model: SKNN, train: Lists, ends: list[int]) -> None:
        self.options, self.seed = model.parameters, int(model.seed[0])
        self.ends = ends
        self.train = train
        held = [item for items in train for item in set(items)]
        self.idf = {item: 1 + np.log(len(train) / held.count(item)) for item in held}

    def scores(self, prompt: list[int], prompt_id: int) -> dict[int, float]:
        if self.options.last_n_items:
            prompt = prompt[-self.options.last_n_items :]
        prompt = [item for item in dict.fromkeys(prompt) if item in self.idf]
        if not prompt:
            return {}
        similarity = self._similarities(prompt, self._sampled(prompt, prompt_id))
        nearest = sorted(similarity, key=lambda s: -similarity[s])[: self.options.k]
        scores: defaultdict[int, float] = defaultdict(float)
        for session in nearest:
            weight = similarity[session] * self._sequential_weight(prompt, session)
            for item in set(self.train[session]):
                scores[item] += weight
        if self.options.idf_weighting:
            scores.update({item: score * self.idf[item] for item, score in scores.items()})
        return {item: score for item, score in scores.items() if self._allowed(item, prompt)}

    def _preferred(self, prompt_id: int) -> list[int]:
        key = {
            "recent": lambda s: (-self.ends[s], s),
            "random": lambda s: random_keys(self.seed, np.array([prompt_id]), np.array([s]))[0],
        }.get(self.options.sampling)
        return sorted(range(len(self.train)), key=key)

    def _sampled(self, prompt: list[int], prompt_id: int) -> list[int]:
        preferred = self._preferred(prompt_id)
        candidates = [s for s in preferred if set(self.train[s]) & set(prompt)]
        if len(candidates) <= self.options.sample_size:
            return candidates
        shared = {s: [item for item in prompt if item in self.train[s]] for s in candidates}
        priority = {
            "idf": lambda s: sum(self.idf[item] for item in shared[s]),
            "idf_greedy": lambda s: max(self.idf[item] for item in shared[s]),
        }.get(self.options.sampling, lambda s: 0.0)
        chosen = sorted(candidates, key=lambda s: -priority(s))[: self.options.sample_size]
        return sorted(chosen, key=preferred.index)

    def _similarities(self, prompt: list[int], sessions: list[int]) -> dict[int, float]:
        decay = DECAYS[self.options.decay]
        weights = {item: decay(len(prompt) - place) for place, item in enumerate(prompt)}
        products = {
            s: sum(weight for item, weight in weights.items() if item in self.train[s])
            for s in sessions
        }
        if self.options.similarity == "dot":
            return products
        norm = np.sqrt(sum(weight * weight for weight in weights.values()))
        return {s: products[s] / (norm * np.sqrt(len(set(self.train[s])))) for s in sessions}

    def _sequential_weight(self, prompt: list[int], session: int) -> float:
        if not self.options.sequential_weighting:
            return 1.0
        shared = [place for place, item in enumerate(prompt, 1) if item in self.train[session]]
        return max(shared) / len(prompt)

    def _allowed(self, item: int, prompt: list[int]) -> bool:
        if self.options.exclude_seen and item in prompt:
            return False
        steps = {pair for items in self.train for pair in pairwise(items)}
        return not self.options.sequential_filter or (prompt[-1], item) in steps


item_lists = st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=7)
options = st.fixed_dictionaries(
    {
        "k": st.integers(1, 6),
        "sample_size": st.integers(1, 8),
        "sampling": st.sampled_from(["recent", "random", "idf", "idf_greedy"]),
        "similarity": st.sampled_from(["cosine", "dot"]),
        "decay": st.sampled_from(list(DECAYS)),
        "sequential_weighting": st.booleans(),
        "sequential_filter": st.booleans(),
        "idf_weighting": st.booleans(),
        "last_n_items": st.sampled_from([None, 1, 2, 4]),
        "exclude_seen": st.booleans(),
    }
)


@settings(max_examples=250, deadline=None)
@given(st.lists(item_lists, min_size=1, max_size=12), st.data(), options)
def test_scores_equal_a_naive_implementation(
    train: Lists, data: st.DataObject, parameters: dict[str, Any]
) -> None:
    ends = data.draw(st.lists(st.integers(0, 4), min_size=len(train), max_size=len(train)))
    prompts = data.draw(st.lists(st.just([]) | item_lists, max_size=4))
    model = fitted(sessions_of(train, ends), **parameters)
    naive = Naive(model, train, ends)
    scores = model.score_batch(sessions_of(prompts, first_id=50))
    for number, (row, prompt) in enumerate(zip(scores, prompts, strict=True)):
        found = {int(item): row[item] for item in np.flatnonzero(row > -np.inf)}
        assert found == pytest.approx(naive.scores(prompt, 50 + number), abs=1e-12)


def random_lists(seed: int, count: int) -> Lists:
    rng = np.random.default_rng(seed)
    return [rng.integers(N_ITEMS, size=rng.integers(1, 6)).tolist() for _ in range(count)]


@pytest.mark.parametrize("sampling", ["recent", "random", "idf", "idf_greedy"])
def test_recommendations_do_not_depend_on_the_batches(sampling: str) -> None:
    train, prompts = random_lists(0, 60), sessions_of(random_lists(1, 25))
    model = fitted(sessions_of(train, [7] * 60), sampling=sampling, sample_size=5, k=3)
    whole = model.recommend(prompts, k=5)
    model.batch_rows = 1
    single = model.recommend(prompts, k=5)
    np.testing.assert_array_equal(whole[0], single[0])
    np.testing.assert_array_equal(whole[1], single[1])


def test_a_random_sample_follows_the_seed() -> None:
    train, prompts = sessions_of(random_lists(0, 60)), sessions_of(random_lists(1, 25))
    draws = [
        fitted(train, seed, sampling="random", sample_size=3).score_batch(prompts)
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_random_samples_are_uniform_and_independent_between_prompts() -> None:
    """Eight sessions share item 0 and each holds one item of its own: one of them is drawn."""
    train = sessions_of([[0, own] for own in range(1, N_ITEMS)])
    model = fitted(train, sampling="random", sample_size=1)
    prompts = 4000
    items, _ = model.recommend(sessions_of([[0]] * prompts), k=2)
    assert (items[:, 1] == -1).all()
    counts = np.bincount(items[:, 0], minlength=N_ITEMS)[1:]
    expected = prompts / len(counts)
    assert ((counts - expected) ** 2 / expected).sum() < 24.3  # chi-square, 7 degrees, p = 0.001


def test_equally_recent_sessions_are_sampled_by_position() -> None:
    train = sessions_of([[0, 1], [0, 2], [0, 3], [0, 4]], [5, 9, 5, 5])
    items, _ = fitted(train, sample_size=2).recommend(sessions_of([[0]]), k=4)
    assert items[0].tolist() == [1, 2, -1, -1]


def test_equally_similar_sessions_are_cut_newest_first_when_recent_ones_are_sampled() -> None:
    train = sessions_of([[0, 1], [0, 2], [0, 3]], [5, 6, 7])
    prompt = sessions_of([[0]])
    newest, _ = fitted(train, k=1).recommend(prompt, k=1)
    first, _ = fitted(train, k=1, sampling="idf").recommend(prompt, k=1)
    assert (newest[0, 0], first[0, 0]) == (3, 1)


def test_equally_similar_sessions_are_cut_at_random_when_random_ones_are_sampled() -> None:
    """Nothing is left out by sampling, yet the one neighbour differs between prompts."""
    train = sessions_of([[0, own] for own in range(1, N_ITEMS)])
    items, _ = fitted(train, sampling="random", k=1).recommend(sessions_of([[0]] * 200), k=1)
    assert len(np.unique(items)) == N_ITEMS - 1


def test_equal_scores_are_listed_by_item_id() -> None:
    train = sessions_of([[7, 0, 3, 5]], [1])
    items, _ = fitted(train).recommend(sessions_of([[0]]), k=4)
    assert items[0].tolist() == [3, 5, 7, -1]


def test_a_repeated_item_of_a_training_session_counts_once() -> None:
    prompts = sessions_of([[0], [0, 2]])
    once = fitted(sessions_of([[0, 1, 2], [0, 3]], [1, 2])).score_batch(prompts)
    twice = fitted(sessions_of([[0, 1, 0, 1, 2], [0, 3]], [1, 2])).score_batch(prompts)
    np.testing.assert_array_equal(once, twice)


def test_prompts_without_known_items_get_empty_lists() -> None:
    model = fitted(sessions_of([[0, 1], [1, 2]], [1, 2]))
    items, scores = model.recommend(sessions_of([[8], [], [1]]), k=3)
    assert items.tolist() == [[-1] * 3, [-1] * 3, [0, 2, -1]]
    assert np.isneginf(scores[:2]).all()


def test_recent_sessions_need_times() -> None:
    untimed = sessions_of([[0, 1]])
    with pytest.raises(InputError, match="time stamps"):
        fitted(untimed, sampling="recent")
    fitted(untimed, sampling="random")


@pytest.mark.parametrize(
    "parameters",
    [
        {"sampling": "recent", "sample_size": 6, "k": 3},
        {"sampling": "random", "sample_size": 6, "sequential_filter": True},
        {"sampling": "idf_greedy", "idf_weighting": True, "sequential_weighting": True},
    ],
)
def test_a_loaded_model_recommends_the_same(tmp_path: Path, parameters: dict[str, Any]) -> None:
    train = sessions_of(random_lists(0, 60), list(range(60)))
    prompts = sessions_of(random_lists(1, 25))
    model = fitted(train, **parameters)
    model.save(tmp_path)
    loaded = SKNN(SKNNParameters(**parameters), Catalogue(N_ITEMS))
    loaded.load(tmp_path)
    for ours, theirs in zip(model.recommend(prompts, 5), loaded.recommend(prompts, 5), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_memory_mapped_sessions_can_be_fitted(tmp_path: Path) -> None:
    train = sessions_of([[1, 0, 1], [2, 1]], [1, 2])
    train.save(tmp_path)
    prompts = sessions_of([[1]])
    mapped = fitted(Sessions.load(tmp_path)).score_batch(prompts)
    np.testing.assert_array_equal(mapped, fitted(train).score_batch(prompts))
    assert Sessions.load(tmp_path).items.tolist() == [1, 0, 1, 2, 1]


def test_the_best_of_a_row_are_kept_earliest_first_at_the_cut() -> None:
    values = np.array([1.0, 3.0, 1.0, 1.0, 5.0, 2.0, 2.0])
    kept = keep_best(np.array([0, 4, 4, 7]), values, 2)
    assert np.flatnonzero(kept).tolist() == [0, 1, 4, 5]
