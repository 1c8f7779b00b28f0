"""Neural recommenders: from training sessions to a trained network, from prompts to scores."""

from __future__ import annotations

import logging
import math
from abc import abstractmethod
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llmseqrec.device import multiplies_bfloat16
from llmseqrec.errors import InputError
from llmseqrec.evaluation.metrics import ItemCounts, evaluate
from llmseqrec.evaluation.products import dot_scores
from llmseqrec.evaluation.ranking import rank_dot
from llmseqrec.models.base import FloatArray, Recommender, exclude
from llmseqrec.models.item_vectors import item_table, source_vectors
from llmseqrec.models.parameters import NeuralParameters
from llmseqrec.nn.batches import Batches, BatchOptions
from llmseqrec.nn.head import SequenceNetwork
from llmseqrec.nn.item_table import ItemTable
from llmseqrec.nn.losses import LossOptions, make_loss
from llmseqrec.nn.optimizer import make_optimizer
from llmseqrec.nn.sequences import Vocabulary, forbidden_in_window, windows
from llmseqrec.nn.trainer import Trainer, TrainerOptions, hold_out
from llmseqrec.sessions import IntArray, Prompts, Sessions, with_targets

log = logging.getLogger(__name__)

N = TypeVar("N", bound=NeuralParameters)
VALIDATION_CUTOFF = 20  # the study stops on NDCG@20
CURVE_CUTOFF = 10  # of the curves in the LLMSeqRec report
# Column of the history to metric; the first decides.
WATCHED = {
    "validation": f"ndcg@{VALIDATION_CUTOFF}",
    f"hr@{CURVE_CUTOFF}": f"hr@{CURVE_CUTOFF}",
    f"ndcg@{CURVE_CUTOFF}": f"ndcg@{CURVE_CUTOFF}",
}


class NeuralRecommender(Recommender[N]):
    """A network trained on the items of the training sessions, the only ones it can recommend.

    Validation: the prompts given to `fit`, else the study's held-out sessions (Q16). With `refit`
    what was withheld for it is trained on in the end.
    """

    batch_rows = 1024

    vocabulary: Vocabulary
    source: Tensor | None
    network: SequenceNetwork
    history: list[dict[str, float]]

    @abstractmethod
    def make_network(self, table: ItemTable, rng: torch.Generator) -> SequenceNetwork:
        """An untrained network over a table."""

    @abstractmethod
    def make_batches(self, train: Sessions, options: BatchOptions) -> Batches:
        """Training batches of sessions in known ids."""

    def prediction_rows(self, prompts: Sessions) -> IntArray:
        """Input rows of prompts in known ids, (n, length)."""
        return windows(prompts, self.parameters.max_length)

    def fit(self, train: Sessions, valid: Prompts | None = None) -> None:
        """Train until validation NDCG@20 stops improving; with `refit` once more, on everything."""
        p = self.parameters
        if p.refit and p.patience is None:
            self.history = self._refit(train, valid, p.max_epochs)
            return
        part, asked = (train, valid) if valid else hold_out(train, self.setting.rng)
        self.vocabulary = Vocabulary.of(train, self.catalogue.n_items)
        self.history = self._train(part, asked, self._options)
        if p.refit:
            values = [row["validation"] for row in self.history]
            self._refit(train, valid, 1 + int(np.nanargmax(values)))

    @property
    def _options(self) -> TrainerOptions:
        p = self.parameters
        return TrainerOptions(p.max_epochs, p.patience, p.fidelity == "reference", p.averaging)

    def _refit(self, train: Sessions, valid: Prompts | None, epochs: int) -> list[dict[str, float]]:
        """Train anew for a number of epochs with nothing withheld."""
        whole = train if valid is None else with_targets(train, valid)
        log.info("refit: %d epochs on all %d training sessions", epochs, len(whole))
        self.vocabulary = Vocabulary.of(whole, self.catalogue.n_items)
        options = replace(self._options, max_epochs=epochs, patience=None)
        return self._train(whole, None, options)

    def _train(
        self, train: Sessions, valid: Prompts | None, options: TrainerOptions
    ) -> list[dict[str, float]]:
        """Train a new network; without prompts its validation is not a number."""
        p, rng = self.parameters, self.setting.rng
        known = self.vocabulary.encode(train)
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        vectors = self.catalogue.vectors
        texts = None if vectors is None else vectors[self.vocabulary.items]
        self.source = source_vectors(p, texts, known, len(self.vocabulary), generator)
        self._build(generator)
        optimizer = make_optimizer(
            self.network.parameters(), p.fidelity, p.learning_rate, p.weight_decay, p.clipnorm
        )
        loss = make_loss(p.loss, self._loss_options)
        state_dir = self.setting.state_dir
        if state_dir is not None and valid is None:
            state_dir = state_dir / "refit"
        trainer = Trainer(self.network, optimizer, loss, options, state_dir)
        batches = self.make_batches(known, BatchOptions(p.max_length, p.batch_size, p.fidelity))
        history = trainer.fit(batches, partial(self._validate, valid), rng)
        self._forget_table()
        return history

    def score_batch(self, prompts: Sessions) -> NDArray[Any]:
        """Scores of known items, -inf for the others and for those ruled out."""
        known = self.vocabulary.encode(prompts)
        hidden = self._hidden(known)
        scores = np.full((len(prompts), self.catalogue.n_items), -np.inf, dtype=np.float32)
        scores[:, self._sorted_items] = dot_scores(hidden, self._sorted_table)
        if self.parameters.fidelity == "reference":
            rows, items = self._forbidden(known)
            scores[rows, self.vocabulary.items[items]] = -np.inf
        else:
            exclude(scores, prompts)
        return scores

    def recommend(self, prompts: Sessions, k: int) -> tuple[IntArray, FloatArray]:
        """The k best items of each prompt, by a streamed product with the item table."""
        items = np.full((len(prompts), k), -1, dtype=np.int32)
        scores = np.full((len(prompts), k), -np.inf, dtype=np.float32)
        start = 0
        for batch in prompts.batches(self.batch_rows * 8):
            known = self.vocabulary.encode(batch)
            found, values = rank_dot(self._hidden(known), self._sorted_table, self._seen(known), k)
            stop = start + len(batch)
            items[start:stop] = np.where(found >= 0, self._sorted_items[found], -1)
            scores[start:stop] = values
            start = stop
        return items, scores

    def known_items(self) -> NDArray[np.bool_]:
        """(n_items,) the items of the training sessions."""
        return self.vocabulary.known_ids >= 0

    def state(self) -> dict[str, NDArray[Any]]:
        """Weights and the known items."""
        weights = {
            f"network.{name}": value.cpu().numpy()
            for name, value in self.network.state_dict().items()
        }
        width = 0 if self.source is None else self.source.shape[1]
        return weights | {"items": self.vocabulary.items, "source_width": np.array([width])}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Build the network anew and take up its weights.

        Raises:
            InputError: the weights are of another network.
        """
        self.vocabulary = Vocabulary(state["items"], self.catalogue.n_items)
        width = int(state["source_width"][0])
        self.source = torch.zeros(len(self.vocabulary), width) if width else None
        self._build(torch.Generator().manual_seed(0))
        weights = {
            name.removeprefix("network."): torch.from_numpy(value)
            for name, value in state.items()
            if name.startswith("network.")
        }
        try:
            self.network.load_state_dict(weights)
        except RuntimeError as error:
            raise InputError(f"saved weights do not fit: {str(error).splitlines()[-1]}") from None
        self.network.eval()
        self._forget_table()

    def _build(self, generator: torch.Generator) -> None:
        table = item_table(self.parameters, self.source, len(self.vocabulary), generator)
        self.network = self.make_network(table, generator).to(self.setting.device)

    @property
    def _loss_options(self) -> LossOptions:
        p = self.parameters
        bfloat16 = p.bfloat16 and multiplies_bfloat16(self.setting.device)
        if p.bfloat16 and not bfloat16:
            log.info("bfloat16: %s lacks it, single precision it is", self.setting.device)
        return LossOptions(
            p.negatives, p.shared_negatives, p.calibration, p.budget_mb * 2**20, bfloat16
        )

    def _validate(self, valid: Prompts | None) -> dict[str, float]:
        if valid is None:
            return dict.fromkeys(WATCHED, math.nan)
        self._forget_table()
        cutoffs = [CURVE_CUTOFF, VALIDATION_CUTOFF]
        items, _ = self.recommend(valid.sessions, VALIDATION_CUTOFF)
        counts = ItemCounts(np.ones(self.catalogue.n_items, dtype=np.int64))
        found = evaluate(items, valid.targets, counts, cutoffs, self.catalogue.n_items)
        return {name: found.aggregate[metric] for name, metric in WATCHED.items()}

    @torch.no_grad()
    def _hidden(self, known: Sessions) -> FloatArray:
        """Vectors of prompts to multiply with the item table, (n, dim)."""
        rows = self.prediction_rows(known)
        hidden = np.empty((len(rows), self._sorted_table.shape[1]), dtype=np.float32)
        for start in range(0, len(rows), self.batch_rows):
            part = rows[start : start + self.batch_rows].astype(np.int64)
            inputs = torch.from_numpy(part).to(self.setting.device)
            states = self.network.encode([inputs]).view(*inputs.shape, -1)
            last = states[:, -1]  # (batch, hidden)
            hidden[start : start + len(part)] = self.network.head(last).float().cpu().numpy()
        return hidden

    def _forbidden(self, known: Sessions) -> tuple[IntArray, IntArray]:
        return forbidden_in_window(self.prediction_rows(known), len(self.vocabulary))

    def _seen(self, known: Sessions) -> tuple[NDArray[np.int64], IntArray]:
        """Places in the sorted table that are ruled out, as compressed rows."""
        if self.parameters.fidelity == "standard":
            return known.offsets, self._sorted_place[known.items]
        rows, items = self._forbidden(known)
        counts = np.bincount(rows, minlength=len(known))
        return np.concatenate([[0], np.cumsum(counts)]), self._sorted_place[items]

    # The table in the order of catalogue ids, so that equal scores are ranked by item id.

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        return np.argsort(self.vocabulary.items)

    @property
    def _sorted_items(self) -> IntArray:
        return self.vocabulary.items[self._order]

    @cached_property
    def _sorted_place(self) -> IntArray:
        place = np.empty(len(self._order), dtype=np.int32)
        place[self._order] = np.arange(len(self._order), dtype=np.int32)
        return place

    @cached_property
    def _sorted_table(self) -> FloatArray:
        with torch.no_grad():
            vectors = self.network.item_table.vectors()[: len(self.vocabulary)]
        table: FloatArray = vectors.float().cpu().numpy()[self._order]
        return table

    def _forget_table(self) -> None:
        for name in ("_order", "_sorted_place", "_sorted_table"):
            self.__dict__.pop(name, None)
