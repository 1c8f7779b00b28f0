"""Co-occurrence: items that stand near to the prompt's items in training sessions.

A baseline of our own beside the study's. The weight of two items is the sum, over the pairs of
their places in training sessions, of a weight that falls with the distance, whichever comes first.
It is divided by a power of both items' counts; with 0.5 and no decay that is the cosine of
item-based collaborative filtering (Sarwar et al. 2001, §3.1). An item scores the sum of its weights
with the prompt's items, each by its age.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from llmseqrec.models.listed import ListedRecommender
from llmseqrec.models.neighbours import Matrix, decay_weights, row_numbers
from llmseqrec.models.parameters import CooccurrenceParameters, SknnDecay
from llmseqrec.sessions import Prompts, Sessions

# Both bound memory: so many pairs a place of the training sessions, but at most so many in all.
DISTANCES_AT_ONCE, PAIRS_AT_ONCE = 8, 1 << 25
ROWS_AT_ONCE = 1 << 12  # of the matrix


class Cooccurrence(ListedRecommender[CooccurrenceParameters]):
    """Sum of the weights that an item has with the items of the prompt.

    An item that a prompt repeats counts each time; an item is not paired with itself.
    """

    weights: Matrix  # (n_items, n_items), symmetric
    counts: NDArray[np.int64]  # (n_items,) in training

    def fit(self, train: Sessions, valid: Prompts | None = None) -> None:
        """Weigh the pairs of the training sessions."""
        options = self.parameters
        self.counts = np.bincount(train.items, minlength=self.catalogue.n_items)
        pairs = pair_weights(train, len(self.counts), options.distance_decay, options.window)
        _divide(pairs, self.counts, options.popularity_exponent)
        self.weights = pairs

    def score_listed(self, prompts: Sessions) -> Matrix:
        """Scores of the items near to one of the prompt's; -inf at its own if excluded."""
        asked = self._asked(prompts)
        weights = decay_weights(self.parameters.decay, asked.ages)
        shape = (len(asked), self.catalogue.n_items)
        # Of unlike types of indices a product would convert those of the whole matrix each time.
        offsets = asked.offsets.astype(self.weights.indptr.dtype)
        items = asked.items.astype(self.weights.indices.dtype, copy=False)
        found = sparse.csr_array((weights, items, offsets), shape=shape) @ self.weights
        if self.parameters.exclude_seen:
            own = np.zeros(shape, dtype=bool)
            own[prompts.rows, prompts.items] = True
            found.data[own[row_numbers(found), found.indices]] = -np.inf
        return found

    def touched(self, prompts: Sessions) -> NDArray[np.int64]:
        """Neighbours of all items, and the catalogue, in which the prompt's own are marked."""
        asked, neighbours = self._asked(prompts), np.diff(self.weights.indptr)
        sums = np.append(0, np.cumsum(neighbours[asked.items], dtype=np.int64))
        return np.diff(sums[asked.offsets]) + self.catalogue.n_items // 8

    def known_items(self) -> NDArray[np.bool_]:
        """(n_items,) the items of the training sessions."""
        return self.counts > 0

    def _asked(self, prompts: Sessions) -> Sessions:
        count = self.parameters.last_n_items
        return prompts if count is None else prompts.last(count)

    def state(self) -> dict[str, NDArray[Any]]:
        return {
            "offsets": self.weights.indptr,
            "items": self.weights.indices,
            "weights": self.weights.data,
            "counts": self.counts,
        }

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        self.counts = state["counts"]
        shape = (len(self.counts), len(self.counts))
        entries = (state["weights"], state["items"], state["offsets"])
        self.weights = sparse.csr_array(entries, shape=shape)


def pair_weights(
    sessions: Sessions, n_items: int, decay: SknnDecay | None, window: int | None
) -> Matrix:
    """(n_items, n_items) summed weights of the pairs of places of two items, symmetric.

    Args:
        sessions: training sessions.
        n_items: of the catalogue.
        decay: weight of a pair by its distance, as those of prompt items by age.
        window: largest distance, or None for any.
    """
    longest = int(sessions.lengths.max(initial=1)) - 1
    last = longest if window is None else min(window, longest)
    rows = sessions.rows
    total = sparse.csr_array((n_items, n_items))
    at_once = max(min(DISTANCES_AT_ONCE, PAIRS_AT_ONCE // max(len(rows), 1)), 1)
    for start in range(1, last + 1, at_once):
        distances = range(start, min(start + at_once, last + 1))
        total = total + _at_distances(sessions.items, rows, distances, (n_items, decay))
    return (total + total.T).tocsr()


def _divide(pairs: Matrix, counts: NDArray[np.int64], exponent: float) -> None:
    """Divide the weights by a power of both items' counts, in place, some rows at once."""
    offsets = pairs.indptr
    for start in range(0, len(counts), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        lengths = np.diff(offsets[start : start + ROWS_AT_ONCE + 1])
        entries = slice(offsets[start], offsets[start + len(lengths)])
        product = np.repeat(counts[rows], lengths) * counts[pairs.indices[entries]]
        pairs.data[entries] /= product**exponent


def _at_distances(
    items: NDArray[np.int32],
    rows: NDArray[np.int64],
    distances: range,
    options: tuple[int, SknnDecay | None],
) -> Matrix:
    """Weights of pairs of unlike items at some distances, the earlier item's row."""
    n_items, decay = options
    first, second, weights = [], [], []
    for distance in distances:
        earlier, later = items[:-distance], items[distance:]
        paired = (rows[:-distance] == rows[distance:]) & (earlier != later)
        first.append(earlier[paired])
        second.append(later[paired])
        weights.append(np.full(int(paired.sum()), decay_weights(decay, np.array([distance]))[0]))
    places = (np.concatenate(first), np.concatenate(second))
    shape = (n_items, n_items)
    return sparse.coo_array((np.concatenate(weights), places), shape=shape).tocsr()
