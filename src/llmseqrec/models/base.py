"""What every recommender offers: fit, score, recommend, save, load."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from llmseqrec.evaluation.products import MIN_PRODUCT_ROWS
from llmseqrec.evaluation.ranking import top_k
from llmseqrec.models.parameters import Parameters
from llmseqrec.sessions import IntArray, Prompts, Sessions
from llmseqrec.tensors import read_tensors, write_tensors

FloatArray = NDArray[np.float32]
P = TypeVar("P", bound=Parameters)
SCORES_AT_ONCE = 1 << 26  # of a batch of prompts over the whole catalogue


@dataclass(frozen=True)
class Catalogue:
    """The items a recommender works with.

    Attributes:
        n_items: item ids are 0 .. n_items - 1.
        vectors: (n_items, dim) item vectors, reduced, or None.
        texts: text of each item as the vectors were computed from it.
        encode: vectors of new texts, reduced the same way.
    """

    n_items: int
    vectors: FloatArray | None = None
    texts: Sequence[str] = ()
    encode: Callable[[Sequence[str]], FloatArray] | None = None


@dataclass(frozen=True)
class Setting:
    """What a recommender is given besides its data.

    Attributes:
        rng: the only source of chance.
        device: torch device of neural models.
        state_dir: where a fit may keep what survives a killed job.
    """

    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))
    device: str = "cpu"
    state_dir: Path | None = None


class Recommender(ABC, Generic[P]):
    """A recommender of one run.

    `score_batch` gives a score to every item of the catalogue for every prompt; -inf marks items
    that must not be recommended. Equal scores are ranked by item id, lowest first.
    """

    batch_rows: ClassVar[int] = 256  # at most, of a catalogue that is not large

    def __init__(self, parameters: P, catalogue: Catalogue, setting: Setting | None = None) -> None:
        self.parameters = parameters
        self.catalogue = catalogue
        self.setting = setting or Setting()

    @abstractmethod
    def fit(self, train: Sessions, valid: Prompts | None = None) -> None:
        """Learn from training sessions; `valid` serves early stopping where a model has it."""

    @abstractmethod
    def score_batch(self, prompts: Sessions) -> NDArray[Any]:
        """Scores of all items, (n_prompts, n_items), -inf where an item is ruled out."""

    @property
    def batch_size(self) -> int:
        """Prompts that are scored at once: fewer of a large catalogue."""
        affordable = SCORES_AT_ONCE // max(self.catalogue.n_items, 1)
        return max(min(self.batch_rows, affordable), MIN_PRODUCT_ROWS)

    def known_items(self) -> NDArray[np.bool_]:
        """(n_items,) items that a list can go by; a session without any has nothing to say."""
        return np.ones(self.catalogue.n_items, dtype=bool)

    @abstractmethod
    def state(self) -> dict[str, NDArray[Any]]:
        """The fitted arrays, as `save` writes them."""

    @abstractmethod
    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Take up fitted arrays."""

    def score(self, prompts: Sessions) -> Iterator[NDArray[Any]]:
        """Scores of all items, batch by batch in prompt order."""
        for batch in prompts.batches(self.batch_size):
            yield self.score_batch(batch)

    def recommend(self, prompts: Sessions, k: int) -> tuple[IntArray, FloatArray]:
        """The k best items of each prompt.

        Returns:
            Items (n_prompts, k), padded with -1, and their scores, padded with -inf.
        """
        items = np.full((len(prompts), k), -1, dtype=np.int32)
        scores = np.full((len(prompts), k), -np.inf, dtype=np.float32)
        start = 0
        for batch in self.score(prompts):
            stop = start + len(batch)
            items[start:stop], scores[start:stop] = top_k(batch.astype(np.float32, copy=False), k)
            start = stop
        return items, scores

    def save(self, folder: Path) -> None:
        """Write the fitted arrays to `model.safetensors`."""
        write_tensors(self.state(), folder / "model.safetensors")

    def load(self, folder: Path) -> None:
        """Take up what `save` wrote.

        Raises:
            FileError: the file is damaged.
        """
        self.restore(read_tensors(folder / "model.safetensors")[0])


def exclude(scores: NDArray[Any], prompts: Sessions) -> None:
    """Rule out the items of each prompt, in place."""
    scores[prompts.rows, prompts.items] = -np.inf
