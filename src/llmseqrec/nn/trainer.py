"""One training loop for every network.

It knows batches, a loss, an optimiser and a number to raise on held-out sessions, and of a network
only the seam of `SequenceNetwork`. A run that was killed goes on after its last whole epoch and
ends with the weights of an undisturbed one: chance is drawn anew for each epoch, from the seed of
the run and the number of the epoch. Results repeat bit by bit for the same number of threads.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from llmseqrec.errors import InputError
from llmseqrec.nn.batches import Batch, Batches
from llmseqrec.nn.checkpoint import Progress, copy_weights, load_progress, save_progress
from llmseqrec.nn.head import SequenceNetwork
from llmseqrec.nn.losses import Loss
from llmseqrec.sessions import Prompts, Sessions, withhold_last

logger = logging.getLogger(__name__)

History = list[dict[str, float]]
# Of one epoch: `validation`, the value to raise, and whatever else is to stand in the history.
Validate = Callable[[], Mapping[str, float]]
Tensors = tuple[Tensor, ...] | list[Tensor]


@dataclass(frozen=True)
class TrainerOptions:
    """When to stop and what to keep (study, §4.5).

    Attributes:
        max_epochs: at most.
        patience: epochs in a row without a new best validation value after which to stop; a value
            must be strictly greater to be the best. None: train `max_epochs`, keep the last
            weights.
        last_at_limit: keep the last weights, not the best, where `max_epochs` ends the training,
            as the reference does.
        averaging: validate, and keep, the running mean of the weights instead of the weights: each
            step it moves by 1 - `averaging` towards them, in the first steps by more. 0: none.
    """

    max_epochs: int = 100
    patience: int | None = 2
    last_at_limit: bool = False
    averaging: float = 0.0


class Trainer:
    """Trains a network.

    Args:
        network: on its device.
        optimizer: of its parameters.
        loss: see `llmseqrec.nn.losses`.
        options: when to stop.
        state_dir: where a checkpoint is kept after every epoch; the folder must change with code,
            data and configuration. None: no checkpoint.
    """

    def __init__(
        self,
        network: SequenceNetwork,
        optimizer: torch.optim.Optimizer,
        loss: Loss,
        options: TrainerOptions | None = None,
        state_dir: Path | None = None,
    ) -> None:
        self.network = network
        self.optimizer = optimizer
        self.loss = loss
        self.options = options or TrainerOptions()
        self.state_dir = state_dir
        self.device = next(network.parameters()).device
        self.average: AveragedModel | None = None
        if self.options.averaging:
            update = _running_mean(self.options.averaging)
            self.average = AveragedModel(network, multi_avg_fn=update)

    def fit(self, batches: Batches, validate: Validate, rng: np.random.Generator) -> History:
        """Train until validation stops improving; the network ends in evaluation mode.

        Args:
            batches: of the training sessions.
            validate: `validation`, the value to raise, such as NDCG@20 on held-out sessions, and
                what else is watched; called after every epoch with the network in evaluation mode
                and without gradients.
            rng: of the run's seed, one number.

        Returns:
            A row an epoch: epoch (from 1), loss (mean a position), what `validate` gave.

        Raises:
            InputError: the loss is no longer a number, or a checkpoint is not of this run.
        """
        progress = self._begin(int(rng.integers(2**62)))
        while not self._stopped(progress.history):
            epoch = len(progress.history) + 1
            start = time.perf_counter()
            loss = self._train_epoch(batches, progress.seed, epoch)
            with self._averaged():
                values = self._validated(validate)
                progress.history.append({"epoch": epoch, "loss": loss, **values})
                if self._since_best(progress.history) == 0:
                    progress.best = copy_weights(self.network)
            self._save(progress)
            logger.info(
                "epoch %d: loss %.4f, validation %.5f, %.1f s",
                *(epoch, loss, values["validation"], time.perf_counter() - start),
            )
        self._finish(progress)
        return progress.history

    def _begin(self, seed: int) -> Progress:
        """A new run, or the one of the checkpoint with network and optimiser set to it."""
        found = load_progress(self.state_dir, self.device) if self.state_dir else None
        if found is None:
            return Progress(seed)
        if found.seed != seed:
            raise InputError(f"{self.state_dir}: checkpoint of another seed; remove the folder")
        try:
            self.network.load_state_dict(found.network)
            self.optimizer.load_state_dict(found.optimizer)
            if self.average is not None:
                self.average.load_state_dict(found.average)
        except (RuntimeError, ValueError, KeyError) as error:
            message = f"{self.state_dir}: checkpoint of another network; remove the folder"
            raise InputError(message) from error
        logger.info("resumed after epoch %d", len(found.history))
        return found

    def _train_epoch(self, batches: Batches, seed: int, epoch: int) -> float:
        """One pass over the batches; returns the mean loss a scored position."""
        self.network.train()
        rng = np.random.default_rng([seed, epoch])
        total, count = torch.zeros((), device=self.device, dtype=torch.float32), 0
        with seeded(int(rng.integers(2**62)), self.device) as generator:
            steps = tqdm(
                batches.epoch(rng), f"epoch {epoch}", len(batches), leave=False, disable=None
            )
            for batch in steps:
                loss = self.step(batch.to(self.device), generator)
                total += loss * len(batch.targets)
                count += len(batch.targets)
        mean = total.item() / max(count, 1)
        if not math.isfinite(mean):
            raise InputError(
                f"learning_rate: the loss is not a number in epoch {epoch}; lower it or set"
                " clipnorm"
            )
        return mean

    def step(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """One step of the optimiser; returns the loss before it."""
        self.optimizer.zero_grad(set_to_none=True)
        states = self.network.encode(batch.blocks)  # (all positions, hidden)
        # An embedding look-up's gradient is deterministic on several threads; an index's is not.
        hidden = self.network.head(functional.embedding(batch.positions, states))  # (m, dim)
        table = self.network.item_table
        loss = self.loss(hidden, table.vectors()[: table.n_items], batch.targets, generator)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.network)
        return loss.detach()

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The running mean in place of the weights, if there is one."""
        if self.average is None:
            yield
            return
        weights = copy_weights(self.network)
        self.network.load_state_dict(self.average.module.state_dict())
        try:
            yield
        finally:
            self.network.load_state_dict(weights)

    @torch.no_grad()
    def _validated(self, validate: Validate) -> dict[str, float]:
        self.network.eval()
        return {name: float(value) for name, value in validate().items()}

    def _save(self, progress: Progress) -> None:
        """Write the checkpoint."""
        if self.state_dir is None:
            return
        progress.network = self.network.state_dict()
        progress.optimizer = self.optimizer.state_dict()
        if self.average is not None:
            progress.average = self.average.state_dict()
        save_progress(progress, self.state_dir)

    def _finish(self, progress: Progress) -> None:
        """Leave the network with the weights to keep, in evaluation mode."""
        if not self._keeps_last(progress.history):
            self.network.load_state_dict(progress.best)
        elif self.average is not None:
            self.network.load_state_dict(self.average.module.state_dict())
        self.network.eval()

    def _stopped(self, history: History) -> bool:
        return self._lost_patience(history) or len(history) >= self.options.max_epochs

    def _lost_patience(self, history: History) -> bool:
        patience = self.options.patience
        return patience is not None and bool(history) and self._since_best(history) >= patience

    def _keeps_last(self, history: History) -> bool:
        if self.options.patience is None:
            return True
        return self.options.last_at_limit and not self._lost_patience(history)

    @staticmethod
    def _since_best(history: History) -> int:
        """Epochs since the first one with the greatest validation value; 0: the last is best."""
        values = np.nan_to_num([row["validation"] for row in history], nan=-math.inf)
        return len(values) - 1 - int(values.argmax()) if len(values) else 0


def _running_mean(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    """Update of a running mean; it is that of about a tenth of the steps so far at most."""

    def update(means: Tensors, weights: Tensors, n_averaged: Tensor | int) -> None:
        steps = int(n_averaged)
        torch._foreach_lerp_(means, weights, 1 - min(decay, steps / (steps + 10)))

    return update


def hold_out(
    sessions: Sessions, rng: np.random.Generator, share: float = 0.1, most: int = 500
) -> tuple[Sessions, Prompts]:
    """Training sessions, and prompts from those held out for validation.

    Drawn uniformly and never trained on (study, Q16): a `share` of the sessions, rounded up, and
    no more than `most`. Of each, the last item is the target; sessions of one item give no prompt.
    """
    count = min(math.ceil(share * len(sessions)), most)
    held = np.zeros(len(sessions), dtype=bool)
    held[rng.choice(len(sessions), count, replace=False)] = True
    return sessions.select(~held[sessions.rows], ~held), withhold_last(sessions, held)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[torch.Generator]:
    """Seed torch's chance within the block, dropout's too; afterwards it is as it was.

    Yields:
        A generator on the device, for what takes one.
    """
    on_device = [] if device.type == "cpu" else [device.index or 0]
    kind = "cuda" if device.type == "cpu" else device.type
    with torch.random.fork_rng(on_device, device_type=kind):
        torch.manual_seed(seed)
        yield torch.Generator(device).manual_seed(seed + 1)
