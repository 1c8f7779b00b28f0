"""LLMSeqSim: items whose text vectors lie nearest to the session's (study, §3.1).

Deviations from the study's code:
    * Items of the prompt are ruled out, where the reference adds -1e9 to them.
    * Equal similarities are ranked by item id, where the reference leaves their order open.
    * `pooling: text` embeds the joined names of the session; the study averages vectors only.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseqrec.errors import InputError
from llmseqrec.evaluation.gains import dot_gains
from llmseqrec.evaluation.products import dot_scores
from llmseqrec.evaluation.ranking import rank_dot
from llmseqrec.models.base import FloatArray, Recommender, exclude
from llmseqrec.models.parameters import LLMSeqSimParameters
from llmseqrec.models.pooling import last_vectors, mean_vectors, unit_rows
from llmseqrec.sessions import IntArray, Prompts, Sessions

GAIN_ROWS = 1024  # prompts whose vectors under all options are held at once
PROMPTS_AT_ONCE = 1 << 15  # whose vectors are held while lists are made


class LLMSeqSim(Recommender[LLMSeqSimParameters]):
    """Similarity of a session vector to every item of the catalogue, unseen items included.

    Nothing is learnt from sessions. A similarity is the cosine, the dot product or
    1 / (1 + Euclidean distance); over unit item vectors all three rank alike. The zero vector of an
    item without a text is no unit vector: by distance it lies near to sessions of mixed items.
    """

    def fit(self, train: Sessions, valid: Prompts | None = None) -> None:
        """Check that the catalogue has what the parameters need."""
        _ = self._vectors
        if self.parameters.pooling == "text":
            _ = self._encode

    def session_vectors(self, prompts: Sessions) -> FloatArray:
        """One vector a prompt, (n_prompts, dim); zero for an empty prompt."""
        return self._pooled(prompts, self.parameters)

    def option_gains(
        self, prompts: Prompts, options: Sequence[LLMSeqSimParameters], k: int
    ) -> NDArray[np.float64]:
        """(n_options, n_prompts) gains of the targets under each option's pooling and decay.

        Args:
            prompts: the sessions and what came next in each.
            options: parameters that differ from this recommender's in pooling and decay alone.
            k: length of the lists.
        """
        sessions = prompts.sessions
        found = np.empty((len(options), len(sessions)))
        for start in range(0, len(sessions), GAIN_ROWS):
            some = slice(start, start + GAIN_ROWS)
            batch = sessions.take(some)
            pooled = np.stack([self._queries(self._pooled(batch, each)) for each in options])
            seen = (batch.offsets, batch.items) if self.parameters.exclude_seen else None
            found[:, some] = dot_gains(pooled, self._table, prompts.targets[some], seen, k)
        return found

    def score_batch(self, prompts: Sessions) -> NDArray[Any]:
        """Similarities, (n_prompts, n_items); -inf at the prompt's items if excluded."""
        pooled = self.session_vectors(prompts)
        if self.parameters.similarity == "euclidean":
            scores = _euclidean_similarity(pooled, self._vectors)
        else:
            scores = dot_scores(self._queries(pooled), self._table)
        if self.parameters.exclude_seen:
            exclude(scores, prompts)
        return scores

    def recommend(self, prompts: Sessions, k: int) -> tuple[IntArray, FloatArray]:
        """The k most similar items of each prompt, as a streamed matrix product."""
        items = np.empty((len(prompts), k), dtype=np.int32)
        scores = np.empty((len(prompts), k), dtype=np.float32)
        for start in range(0, len(prompts), PROMPTS_AT_ONCE):
            some = slice(start, start + PROMPTS_AT_ONCE)
            items[some], scores[some] = self._recommended(prompts.take(some), k)
        return items, scores

    def _recommended(self, prompts: Sessions, k: int) -> tuple[IntArray, FloatArray]:
        pooled = self.session_vectors(prompts)
        seen = (prompts.offsets, prompts.items) if self.parameters.exclude_seen else None
        items, scores = rank_dot(self._queries(pooled), self._table, seen, k)
        if self.parameters.similarity == "euclidean":
            return _by_distance(pooled, self._vectors, items)
        return items, scores

    def state(self) -> dict[str, NDArray[Any]]:
        """Empty: the vectors come with the catalogue."""
        return {}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Nothing to take up."""

    @property
    def _vectors(self) -> FloatArray:
        if self.catalogue.vectors is None:
            raise InputError("llm_seq_sim: needs item vectors; name an embedding in the run")
        return self.catalogue.vectors

    @cached_property
    def _table(self) -> FloatArray:
        """(n_items, dim or dim + 1) rows whose product with a query ranks by the similarity."""
        if self.parameters.similarity == "cosine":
            return unit_rows(self._vectors)
        if self.parameters.similarity == "euclidean":
            # |q - v|^2 = |q|^2 - 2 (q.v - |v|^2 / 2), so one more column does it.
            half = np.square(self._vectors).sum(axis=1, keepdims=True) / 2
            return np.hstack([self._vectors, -half])
        return np.ascontiguousarray(self._vectors)

    def _queries(self, pooled: FloatArray) -> FloatArray:
        """Session vectors to go with `_table`."""
        if self.parameters.similarity == "cosine":
            return unit_rows(pooled)
        if self.parameters.similarity == "euclidean":
            return np.hstack([pooled, np.ones((len(pooled), 1), dtype=pooled.dtype)])
        return pooled

    @property
    def _encode(self) -> Callable[[Sequence[str]], FloatArray]:
        catalogue = self.catalogue
        if catalogue.encode is None or len(catalogue.texts) != catalogue.n_items:
            raise InputError(
                "llm_seq_sim: pooling text needs item texts and a model to encode them"
            )
        return catalogue.encode

    def _pooled(self, prompts: Sessions, parameters: LLMSeqSimParameters) -> FloatArray:
        if parameters.pooling == "text":
            return self._text_vectors(prompts)
        if parameters.pooling == "last":
            return last_vectors(prompts, self._vectors)
        return mean_vectors(prompts, self._vectors, parameters.decay)

    def _text_vectors(self, prompts: Sessions) -> FloatArray:
        step = -1 if self.parameters.text_order == "newest_first" else 1
        joined = []
        for start, stop in pairwise(prompts.offsets):
            texts = (self.catalogue.texts[item] for item in prompts.items[start:stop][::step])
            joined.append(self.parameters.text_separator.join(text for text in texts if text))
        return self._encode(joined)


def _euclidean_similarity(pooled: FloatArray, vectors: FloatArray) -> FloatArray:
    """(n_prompts, n_items) 1 / (1 + distance)."""
    from sklearn.metrics.pairwise import euclidean_distances

    similarity: FloatArray = 1 / (1 + euclidean_distances(pooled, vectors))
    return similarity


def _by_distance(
    pooled: FloatArray, vectors: FloatArray, items: IntArray
) -> tuple[IntArray, FloatArray]:
    """The listed items with their exact similarities, ordered by these, then by item id.

    The product that found them cancels where a distance is near zero.
    """
    scores = np.full(items.shape, -np.inf, dtype=np.float32)
    for start in range(0, len(items), LLMSeqSim.batch_rows):
        part = slice(start, start + LLMSeqSim.batch_rows)
        gaps = pooled[part, None, :] - vectors[items[part]]  # (batch, k, dim)
        scores[part] = 1 / (1 + np.linalg.norm(gaps, axis=2))
    scores[items < 0] = -np.inf
    order = np.lexsort((items, -scores), axis=1)
    return np.take_along_axis(items, order, 1), np.take_along_axis(scores, order, 1)
