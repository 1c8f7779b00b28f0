"""Co-occurrence: agreement with a naive count, symmetry, what it does not count."""

from collections import defaultdict
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseqrec.models.base import Catalogue
from llmseqrec.models.cooccurrence import Cooccurrence, _at_distances, pair_weights
from llmseqrec.models.parameters import CooccurrenceParameters
from tests.unit.test_sknn import DECAYS, Lists, sessions_of

N_ITEMS = 9
some_sessions = st.lists(st.lists(st.integers(0, N_ITEMS - 1), max_size=21), max_size=5)
some_options = st.fixed_dictionaries(
    {
        "window": st.sampled_from([None, 1, 3]),
        "distance_decay": st.sampled_from(list(DECAYS)),
        "popularity_exponent": st.sampled_from([0.0, 0.3, 1.0]),
        "decay": st.sampled_from(list(DECAYS)),
        "last_n_items": st.sampled_from([None, 2]),
        "exclude_seen": st.booleans(),
    }
)


def fitted(train: Lists, **parameters: Any) -> Cooccurrence:
    model = Cooccurrence(CooccurrenceParameters(**parameters), Catalogue(N_ITEMS))
    model.fit(sessions_of(train))
    return model


def naive_scores(train: Lists, prompt: list[int], options: CooccurrenceParameters) -> np.ndarray:
    """One session and one pair at a time."""
    counts: defaultdict[int, int] = defaultdict(int)
    weights: defaultdict[tuple[int, int], float] = defaultdict(float)
    for items in train:
        for item in items:
            counts[item] += 1
        for (near, first), (far, second) in combinations(enumerate(items), 2):
            if first != second and far - near <= (options.window or len(items)):
                weight = DECAYS[options.distance_decay](far - near)
                weights[first, second] += weight
                weights[second, first] += weight
    scores = np.full(N_ITEMS, -np.inf)
    for age, own in enumerate(reversed(prompt[-(options.last_n_items or len(prompt)) :]), 1):
        for (first, second), weight in weights.items():
            if first == own:
                share = weight / (counts[own] * counts[second]) ** options.popularity_exponent
                before = max(scores[second], 0.0)
                scores[second] = before + DECAYS[options.decay](age) * share
    if options.exclude_seen:
        scores[prompt] = -np.inf
    return scores


@settings(deadline=None, max_examples=150)
@given(train=some_sessions, prompt=st.lists(st.integers(0, N_ITEMS - 1)), options=some_options)
def test_scores_are_those_of_a_naive_count(
    train: Lists, prompt: list[int], options: dict[str, Any]
) -> None:
    model = fitted(train, **options)
    scores = model.score_batch(sessions_of([prompt]))[0]
    np.testing.assert_allclose(scores, naive_scores(train, prompt, model.parameters), rtol=1e-9)


@settings(deadline=None)
@given(train=some_sessions, names=st.permutations(range(N_ITEMS)))
def test_scores_follow_the_items_when_these_are_renamed(train: Lists, names: list[int]) -> None:
    renamed = [[names[item] for item in items] for items in train]
    scores = fitted(train).score_batch(sessions_of([[0, 1]]))[0]
    moved = fitted(renamed).score_batch(sessions_of([[names[0], names[1]]]))[0]
    np.testing.assert_allclose(moved[names], scores, rtol=1e-9)


def test_weights_are_symmetric_to_the_last_bit() -> None:
    rng = np.random.default_rng(0)
    train = [rng.integers(N_ITEMS, size=12).tolist() for _ in range(30)]
    weights = fitted(train, popularity_exponent=0.37).weights
    np.testing.assert_array_equal(weights.toarray(), weights.toarray().T)
    assert (weights.diagonal() == 0).all()


@pytest.mark.parametrize("window", [1, 2, 40])
def test_a_window_ends_where_the_session_does(window: int) -> None:
    weights = pair_weights(sessions_of([[0, 1, 2], [3, 4]]), N_ITEMS, None, window).toarray()
    assert weights[2, 3] == 0
    assert (weights[0, 2] > 0) == (window > 1)
    assert weights[3, 4] == 1


@pytest.mark.parametrize("decay", [None, "harmonic"])
def test_few_pairs_and_rows_at_once_change_no_more_than_rounding(
    decay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where no pair is weighed by its distance, nothing at all."""
    rng = np.random.default_rng(3)
    train = [rng.integers(0, N_ITEMS, 25).tolist() for _ in range(20)]
    whole = fitted(train, distance_decay=decay).weights.toarray()
    monkeypatch.setattr("llmseqrec.models.cooccurrence.PAIRS_AT_ONCE", 3 * 20 * 25)
    monkeypatch.setattr("llmseqrec.models.cooccurrence.ROWS_AT_ONCE", 7)
    bounded = fitted(train, distance_decay=decay).weights.toarray()
    if decay is None:
        np.testing.assert_array_equal(bounded, whole)
    np.testing.assert_allclose(bounded, whole, rtol=1e-12)


@pytest.mark.parametrize("bound", [0, 1000, 1 << 25])
def test_the_pairs_of_a_stretch_of_distances_are_bounded(
    bound: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def watched(items: Any, rows: Any, distances: range, options: Any) -> Any:
        made.append(len(distances) * len(items))
        return _at_distances(items, rows, distances, options)

    monkeypatch.setattr("llmseqrec.models.cooccurrence._at_distances", watched)
    monkeypatch.setattr("llmseqrec.models.cooccurrence.PAIRS_AT_ONCE", bound)
    fitted([[n % N_ITEMS for n in range(25)] for _ in range(20)])
    assert max(made) <= max(bound, 20 * 25)
