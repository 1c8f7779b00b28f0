"""Session nearest neighbours: SKNN, V-SKNN, S-SKNN and SF-SKNN (study, §3; code: sknn.py).

A training session is a candidate neighbour of a prompt when they share an item. A sample of the
candidates is compared with the prompt, the k most similar are its neighbours, and an item scores
the sum of the similarities of the neighbours that hold it.

Ties, which the reference leaves to its sorting routines: candidates stand in an order of
preference, and of equal ones the first is sampled or becomes the neighbour. The order is newest
first when `sampling` is "recent" (equal times by position in the training set), random and
different for every prompt when it is "random", else by position in the training set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseqrec.errors import InputError
from llmseqrec.models.listed import ListedRecommender
from llmseqrec.models.neighbours import (
    Doubles,
    Mask,
    Matrix,
    decay_weights,
    distinct_items,
    follower_matrix,
    in_key_order,
    keep_best,
    norms,
    random_keys,
    restrict,
    row_numbers,
    session_matrix,
    shared_max,
    shared_sum,
    with_data,
)
from llmseqrec.models.parameters import SKNNParameters
from llmseqrec.sessions import IntArray, LongArray, Prompts, Sessions


class SKNN(ListedRecommender[SKNNParameters]):
    """Session nearest neighbours; the parameters choose the variant.

    A prompt's random order comes from hashing the ids of the prompt and the session with a seed
    from `setting.rng`, so that it does not depend on how prompts are batched.
    """

    batch_rows = 64

    order: LongArray  # (n_sessions,) training sessions, preferred ones first
    seed: LongArray  # (1,)
    train: Sessions

    def fit(self, train: Sessions, valid: Prompts | None = None) -> None:
        """Index the training sessions.

        Raises:
            InputError: recent sessions are asked for and the training sessions have no times.
        """
        self.order = _preference(train, self.parameters.sampling == "recent")
        self.seed = self.setting.rng.integers(2**63, size=1)
        self.train = train
        self._build_index()

    def known_items(self) -> NDArray[np.bool_]:
        """(n_items,) the items of the training sessions."""
        return self.known

    def state(self) -> dict[str, NDArray[Any]]:
        return {
            "offsets": self.train.offsets,
            "items": self.train.items,
            "session_ids": self.train.session_ids,
            "order": self.order,
            "seed": self.seed,
        }

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        self.train = Sessions(state["offsets"], state["items"], state["session_ids"])
        self.order, self.seed = state["order"], state["seed"]
        self._build_index()

    def score_listed(self, prompts: Sessions) -> Matrix:
        """Scores of the items that a neighbour holds."""
        return next(self.score_neighbours(prompts, [self.parameters.k]))

    def touched(self, prompts: Sessions) -> NDArray[np.int64]:
        """Candidates, a session counted for each item it shares, and rows of places in between."""
        asked, holders = self._asked(prompts), np.diff(self.by_item.indptr)
        sums = np.append(0, np.cumsum(holders[asked.items], dtype=np.int64))
        beside = max(len(self.train), self.catalogue.n_items) // 16
        return np.diff(sums[asked.offsets]) + beside

    def score_neighbours(self, prompts: Sessions, numbers: Sequence[int]) -> Iterator[Matrix]:
        """Scores of the listed items, (n_prompts, n_items), for each number of neighbours.

        Similarities are shared. Items that no neighbour holds, or that are ruled out, are not
        stored.
        """
        kept = distinct_items(self._asked(prompts), self.known)
        similar, listed = self._similar(kept, prompts.session_ids), ~self._ruled_out(kept)
        for number in numbers:
            found = self._neighbours(kept, similar, number) @ self.sessions
            found = restrict(found, listed[row_numbers(found), found.indices])
            if self.parameters.idf_weighting:
                found.data *= self.idf[found.indices]
            yield found

    def _asked(self, prompts: Sessions) -> Sessions:
        count = self.parameters.last_n_items
        return prompts if count is None else prompts.last(count)

    def _build_index(self) -> None:
        n_items = self.catalogue.n_items
        self.sessions = session_matrix(self.train, n_items)[self.order]
        self.by_item = self.sessions.T.tocsr()  # (n_items, n_sessions)
        self.norms = norms(self.sessions)
        counts = np.diff(self.by_item.indptr)
        self.known = counts > 0
        self.idf = 1 + np.log(max(len(self.train), 1) / np.maximum(counts, 1))
        if self.parameters.sequential_filter:
            self.followers = follower_matrix(self.train, n_items)

    def _similar(self, prompts: Matrix, ids: IntArray) -> Matrix:
        """Similarities of the sampled candidates, (n_prompts, n_sessions)."""
        lengths = np.diff(prompts.indptr)
        ages = np.repeat(lengths, lengths) - prompts.data + 1
        weighted = with_data(prompts, decay_weights(self.parameters.decay, ages))
        candidates = self._sample(prompts, self._candidates(weighted, ids))
        return self._similarity(weighted, candidates)

    def _neighbours(self, prompts: Matrix, similar: Matrix, number: int) -> Matrix:
        """What each neighbour adds to the score of its items, (n_prompts, n_sessions)."""
        lengths = np.diff(prompts.indptr)
        neighbours = restrict(similar, keep_best(similar.indptr, similar.data, number))
        if self.parameters.sequential_weighting:
            latest = shared_max(prompts, self.by_item, neighbours)
            neighbours.data *= latest / lengths[row_numbers(neighbours)]
        return neighbours

    def _candidates(self, prompts: Matrix, ids: IntArray) -> Matrix:
        """Sessions that share an item, in order of preference, with the sum of its weights."""
        candidates = shared_sum(prompts, self.by_item)
        if self.parameters.sampling != "random":
            return candidates
        sessions = self.train.session_ids[self.order[candidates.indices]]
        keys = random_keys(int(self.seed[0]), ids[row_numbers(candidates)], sessions)
        return in_key_order(candidates, keys)

    def _sample(self, prompts: Matrix, candidates: Matrix) -> Matrix:
        """The candidates that are compared with their prompt."""
        size = self.parameters.sample_size
        if np.diff(candidates.indptr).max(initial=0) <= size:
            return candidates
        priority = self._priority(prompts, candidates)
        return restrict(candidates, keep_best(candidates.indptr, priority, size))

    def _priority(self, prompts: Matrix, candidates: Matrix) -> Doubles:
        """(nnz,) the larger, the sooner a candidate is sampled; equal ones in their order.

        With "idf_greedy" the sessions that share a prompt's rarest item come first, then those
        that share the next rarest; equally rare items count as one.
        """
        rarity = with_data(prompts, self.idf[prompts.indices])
        match self.parameters.sampling:
            case "idf":
                return shared_sum(rarity, self.by_item).data
            case "idf_greedy":
                return shared_max(rarity, self.by_item, candidates)
            case _:
                return np.zeros(candidates.nnz)

    def _similarity(self, prompts: Matrix, candidates: Matrix) -> Matrix:
        """Candidates with their similarity instead of the product over shared items."""
        if self.parameters.similarity == "dot":
            return candidates
        scale = norms(prompts)[row_numbers(candidates)] * self.norms[candidates.indices]
        return with_data(candidates, candidates.data / scale)

    def _ruled_out(self, prompts: Matrix) -> Mask:
        """(n_prompts, n_items) what the filters exclude."""
        out = np.zeros(prompts.shape, dtype=bool)
        if self.parameters.sequential_filter:
            lengths = np.diff(prompts.indptr)
            filled = np.flatnonzero(lengths)
            last = prompts.indices[prompts.indptr[1:][filled] - 1]
            followers = self.followers[last]
            out[filled] = True
            out[filled[row_numbers(followers)], followers.indices] = False
        if self.parameters.exclude_seen:
            out[row_numbers(prompts), prompts.indices] = True
        return out


def _preference(train: Sessions, newest_first: bool) -> LongArray:
    """(n,) positions of the training sessions in the order that decides between equal ones."""
    if not newest_first:
        return np.arange(len(train))
    ends = train.ends
    if ends is None:
        raise InputError(
            "sampling: 'recent' needs time stamps and the training sessions have none; "
            "choose 'random', 'idf' or 'idf_greedy'"
        )
    return np.argsort(-ends, kind="stable")
