"""SKNNEmb: session neighbours by the similarity of session vectors (study, §3.2; code: sknn.py).

Candidates and their sample are SKNN's, so only sessions that share an item can be neighbours, which
the study's formula does not say. A similarity is that of the two sessions' vectors, and may be
negative, which then lowers scores.

Deviations from the study's code:
    * Item vectors come as they are reduced for all models, by default on the whole catalogue; the
      reference fits the reduction on the items of the training sessions.
    * Training sessions are averaged with the decay that is set for them. The reference takes the
      prompt's (`prompt_decay_for_training`); where that quirk is on it holds for sessions of every
      length, in the reference for those of up to 500 items.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from llmseqrec.errors import InputError
from llmseqrec.models.base import FloatArray
from llmseqrec.models.neighbours import Doubles, Matrix, decay_weights, with_data
from llmseqrec.models.parameters import SessionPooling, SKNNEmbParameters
from llmseqrec.models.pooling import last_vectors, unit_rows, weighted_means
from llmseqrec.models.sknn import SKNN
from llmseqrec.sessions import Sessions

# What a similarity of zero is stored as: a sparse product drops items whose scores are zero, and a
# neighbour of no similarity still lists its items, as in the reference.
ALMOST_ZERO = np.finfo(np.float64).tiny


class SKNNEmb(SKNN):
    """SKNN whose similarities are those of session vectors."""

    parameters: SKNNEmbParameters

    def _build_index(self) -> None:
        super()._build_index()
        decay = self.parameters.applied_training_decay
        pooled = self._pooled(self.train, decay_weights(decay, self.train.ages), training=True)
        self.session_vectors: FloatArray = pooled[self.order]  # (n_sessions, dim)

    def _similarity(self, prompts: Matrix, candidates: Matrix) -> Matrix:
        """Candidates with the similarity of their vectors to the prompt's.

        One prompt after the other: the vectors of its candidates fit into the caches, and a
        similarity depends neither on the other prompts nor on the other candidates.
        """
        numbers = np.arange(prompts.shape[0], dtype=np.int32)
        asked = Sessions(prompts.indptr.astype(np.int64), prompts.indices, numbers)
        pooled = self._pooled(asked, prompts.data, training=False)
        similar = np.empty(candidates.nnz)
        for vector, (start, stop) in zip(pooled, pairwise(candidates.indptr), strict=True):
            near = self.session_vectors[candidates.indices[start:stop]]
            similar[start:stop] = np.einsum("ij,j->i", near, vector)
        similar[similar == 0] = ALMOST_ZERO
        return with_data(candidates, similar)

    def _pooled(self, sessions: Sessions, weights: Doubles, *, training: bool) -> FloatArray:
        """One vector a session, (n_sessions, dim); of length one where the similarity is cosine.

        Args:
            sessions: items oldest first.
            weights: (nnz,) of a mean.
            training: whether they are training sessions, which are pooled by a rule of their own.
        """
        rule: SessionPooling = self.parameters.pooling
        if training:
            rule = self.parameters.training_pooling
        vectors = self._vectors
        if rule == "last":
            pooled = last_vectors(sessions, vectors)
        else:
            pooled = weighted_means(sessions, vectors, weights)
        if self.parameters.similarity == "dot":
            return pooled
        return unit_rows(pooled)

    @property
    def _vectors(self) -> FloatArray:
        if self.catalogue.vectors is None:
            raise InputError("sknn_emb: needs item vectors; name an embedding in the run")
        return self.catalogue.vectors
