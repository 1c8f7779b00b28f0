"""Catalogue items nearest to names, which a model may have made up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmseqrec.errors import InputError
from llmseqrec.evaluation.ranking import rank_dot
from llmseqrec.llm.names import Names

FloatArray = NDArray[np.float32]
Embed = Callable[[Sequence[str]], FloatArray]


@dataclass(frozen=True)
class Neighbours:
    """The named items nearest to a name by dot product.

    Attributes:
        items: nearest first, equal ones by id.
        similarity: dot product with the nearest one.
    """

    items: list[int]
    similarity: float


class Nearest:
    """Looks up neighbours and remembers them, so that no name is embedded twice.

    A name of the catalogue has its item's vector; others are embedded, all of a call in one batch.
    Items without a name are nobody's neighbours: their vectors are zero.
    """

    def __init__(self, names: Names, vectors: FloatArray, embed: Embed, depth: int) -> None:
        """Keep what is looked up in.

        Args:
            names: of the catalogue.
            vectors: (n_items, dim), of the texts that are the names.
            embed: vectors of other names, from the same model.
            depth: neighbours to find of each name, as a task tells (`neighbours`); at least 1.

        Raises:
            InputError: the vectors do not belong to the catalogue.
        """
        if len(vectors) != len(names):
            raise InputError(f"{len(vectors)} item vectors for a catalogue of {len(names)} items")
        self.names = names
        self._vectors = vectors
        self._embed = embed
        self._depth = depth
        self._ids = np.flatnonzero(names.named)
        self._table = np.ascontiguousarray(vectors[self._ids], dtype=np.float32)
        self._known: dict[str, Neighbours] = {}

    def __getitem__(self, name: str) -> Neighbours:
        if name not in self._known:
            self.prepare([name])
        return self._known[name]

    def prepare(self, names: Iterable[str]) -> None:
        """Find the neighbours of many names at once."""
        new = [name for name in dict.fromkeys(names) if name not in self._known]
        if not new:
            return
        items, scores = rank_dot(self._vectors_of(new), self._table, None, self._depth)
        for name, row, best in zip(new, items, scores, strict=True):
            found = self._ids[row[row >= 0]].tolist()
            self._known[name] = Neighbours(found, float(best[0]))

    def _vectors_of(self, names: list[str]) -> FloatArray:
        """(n_names, dim)."""
        vectors = np.zeros((len(names), self._table.shape[1]), dtype=np.float32)
        items = [self.names.find(name) for name in names]
        unseen = [row for row, item in enumerate(items) if item is None]
        seen = [row for row, item in enumerate(items) if item is not None]
        vectors[seen] = self._vectors[[item for item in items if item is not None]]
        if unseen:
            made = self._embed([names[row] for row in unseen])
            if made.shape != (len(unseen), vectors.shape[1]):
                raise InputError(
                    f"vectors of generated names have the shape {made.shape}; "
                    f"{(len(unseen), vectors.shape[1])} is needed beside those of the items"
                )
            vectors[unseen] = made
        return vectors
