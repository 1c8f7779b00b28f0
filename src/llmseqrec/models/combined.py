"""What models that combine other runs share: fitted components, and an option that was chosen.

They build on the scores of their components and never train them. `prepare` does for a batch of
prompts what no option changes, so that many options can be tried on one pass.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from llmseqrec.models.base import Recommender
from llmseqrec.models.combined_parameters import CombinedParameters, Option
from llmseqrec.sessions import Prompts, Sessions

C = TypeVar("C", bound=CombinedParameters)
Scores = NDArray[Any]  # (n_prompts, n_items)
OPTION_PREFIX = "option."


class Combined(Recommender[C], Generic[C]):
    """A recommender on top of others."""

    components: Sequence[Recommender[Any]] = ()
    option: Option | None = None

    def combine(self, components: Sequence[Recommender[Any]], option: Option | None = None) -> None:
        """Take up fitted components and what was chosen; without a choice, the only option."""
        self.components = components
        options = self.parameters.options(len(components))
        self.option = options[0] if option is None and len(options) == 1 else option

    @abstractmethod
    def learn(self, train: Sessions) -> None:
        """Learn what the model itself needs of the training sessions."""

    @abstractmethod
    def prepare(self, prompts: Sessions, scores: list[Scores]) -> Any:
        """What all options of a batch share, from the scores of the components."""

    @abstractmethod
    def decide(self, prepared: Any, option: Option) -> Scores:
        """Scores of a batch under one option, -inf where an item is ruled out."""

    def fit(self, train: Sessions, valid: Prompts | None = None) -> None:
        """Learn beside the components, which stay as they are."""
        self.learn(train)

    @property
    def batch_size(self) -> int:
        """Prompts at once that suit every component."""
        return min(part.batch_size for part in self.components)

    def score(self, prompts: Sessions) -> Iterator[Scores]:
        """Scores of all items, in batches that suit every component."""
        for batch in prompts.batches(self.batch_size):
            yield self.score_batch(batch)

    def score_batch(self, prompts: Sessions) -> Scores:
        if self.option is None:
            raise ValueError("no option was chosen")
        return self.decide(self._prepared(prompts), self.option)

    def score_options(self, prompts: Sessions, options: Sequence[Option]) -> Iterator[Scores]:
        """Scores of one batch under each of the options."""
        prepared = self._prepared(prompts)
        for option in options:
            yield self.decide(prepared, option)

    def known_items(self) -> NDArray[np.bool_]:
        """(n_items,) the items that one of the components can go by."""
        known: NDArray[np.bool_] = np.any([part.known_items() for part in self.components], axis=0)
        return known

    def state(self) -> dict[str, NDArray[Any]]:
        chosen = self.option or {}
        return {f"{OPTION_PREFIX}{name}": np.array(value) for name, value in chosen.items()}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        self.option = {
            name.removeprefix(OPTION_PREFIX): value.tolist()
            for name, value in state.items()
            if name.startswith(OPTION_PREFIX)
        }

    def _prepared(self, prompts: Sessions) -> Any:
        return self.prepare(prompts, [part.score_batch(prompts) for part in self.components])


def number(option: Option, name: str) -> float:
    """A number of an option; one that comes from a file of arrays is a list of one."""
    return float(np.asarray(option[name]).item())


def item_popularity(sessions: Sessions, n_items: int) -> NDArray[np.float64]:
    """(n_items,) share of the sessions that hold an item; NaN for items that none holds.

    Deviation: the study's code counts test sessions too; here they are those that are given.
    """
    pairs = np.unique(sessions.rows * n_items + sessions.items)
    counts = np.bincount(pairs % n_items, minlength=n_items)
    shares: NDArray[np.float64] = np.where(counts > 0, counts / max(len(sessions), 1), np.nan)
    return shares
