"""One training loop for every language model: ours from scratch, and adapters on another's.

It trains whichever parameters ask for a gradient, and knows nothing else of the network. The loss
is the mean over the completions' tokens. After every stretch of steps validation is done and a
checkpoint is written; a run that was killed goes on after its last whole stretch and ends with the
weights of an undisturbed one: chance follows from the seed and the step's number. Results repeat
bit by bit for the same number of threads.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from llmseqrec.device import multiplies_bfloat16
from llmseqrec.errors import InputError
from llmseqrec.llm.language_model import LanguageModel
from llmseqrec.llm.name_loss import NameLoss, spelling_loss
from llmseqrec.llm.pairs import Batch, EncodedPairs, batch_rows
from llmseqrec.llm.trie import Trie
from llmseqrec.nn.checkpoint import Progress, load_progress, save_progress
from llmseqrec.nn.fused import linear_cross_entropy
from llmseqrec.nn.trainer import seeded
from llmseqrec.sessions import LongArray

logger = logging.getLogger(__name__)

History = list[dict[str, float]]


@dataclass(frozen=True)
class TrainingOptions:
    """How a language model is trained.

    Attributes:
        epochs: passes over the pairs at most.
        most_steps: steps at most, whatever the epochs; None: no limit.
        batch_tokens: of a batch, padding included.
        learning_rate: at its height; it rises over `warmup_steps` and falls along a cosine to
            nothing at the end.
        warmup_steps: steps of the rise.
        weight_decay: decoupled, on matrices only.
        clipnorm: largest norm of all gradients together.
        checkpoint_steps: steps of a stretch.
        patience: stretches in a row without a new lowest validation loss after which to stop;
            None: never.
        whole_text: prompts' tokens count in the loss too, as in TALLRec (Bao et al., RecSys 2023).
        spelling: how much every token's loss among those of the batch counts beside the loss
            among names.
        bfloat16: compute products in bfloat16 where the device is faster at it.
    """

    epochs: int = 5
    most_steps: int | None = None
    batch_tokens: int = 4096
    learning_rate: float = 1e-3
    warmup_steps: int = 100
    weight_decay: float = 0.01
    clipnorm: float = 1.0
    checkpoint_steps: int = 200
    patience: int | None = None
    whole_text: bool = False
    spelling: float = 0.0
    bfloat16: bool = True


class Training:
    """Trains a language model.

    Args:
        model: on its device; parameters that need no gradient stay as they are.
        options: how long and how.
        state_dir: where the checkpoint is kept; the folder must change with code, data and
            configuration. None: no checkpoint.
        names: whose choices the pairs' targets are; None: the targets are tokens.
    """

    def __init__(
        self,
        model: LanguageModel,
        options: TrainingOptions | None = None,
        state_dir: Path | None = None,
        names: Trie | None = None,
    ) -> None:
        self.model = model
        self.options = options or TrainingOptions()
        self.state_dir = state_dir
        self.trained = {
            name: weight
            for name, weight in model.network.named_parameters()
            if weight.requires_grad
        }
        self.optimizer = _optimizer(list(self.trained.values()), self.options)
        self.autocast = self.options.bfloat16 and multiplies_bfloat16(str(model.device))
        self.fused = _output_table(model) if self.autocast else None
        table = model.network.get_output_embeddings().weight
        self.name_loss = None if names is None else NameLoss(names, table)

    def fit(self, train: EncodedPairs, valid: EncodedPairs | None, seed: int) -> History:
        """Train; the network ends with the weights of the lowest validation loss, to be used.

        Args:
            train: pairs to learn from.
            valid: pairs to watch the loss on; None: the last weights are kept.
            seed: of the run's chance.

        Returns:
            A row a stretch: step (the last of it), loss (mean of its steps), validation (mean a
            token; not a number without pairs).

        Raises:
            InputError: the loss is no longer a number, or a checkpoint is not of this run.
        """
        progress = self._begin(seed)
        done = int(progress.history[-1]["step"]) if progress.history else 0
        steps = islice(self._steps(train, seed), done, self.options.most_steps)
        while not self._stopped(progress.history):
            stretch = list(islice(steps, self.options.checkpoint_steps))
            if not stretch:
                break
            start = time.perf_counter()
            loss = self._train(train, stretch, done, seed)
            done += len(stretch)
            value = math.nan if valid is None else self.loss_of(valid)
            progress.history.append({"step": done, "loss": loss, "validation": value})
            self._save(progress)
            logger.info(
                "step %d: loss %.4f, validation %.4f, %.1f s",
                *(done, loss, value, time.perf_counter() - start),
            )
        if valid is not None and progress.best:
            self._set(progress.best)
        self.model.network.eval()
        return progress.history

    @torch.no_grad()
    def loss_of(self, pairs: EncodedPairs) -> float:
        """Mean loss a completion token, with the weights as they are."""
        self.model.network.eval()
        total, count = 0.0, 0
        for rows in batch_rows(pairs.lengths, self.options.batch_tokens):
            batch = pairs.batch(rows).to(self.model.device)
            total += float(self.loss(batch)) * len(batch.targets)
            count += len(batch.targets)
        return total / max(count, 1)

    def loss(self, batch: Batch) -> Tensor:
        """Mean cross-entropy of what counts; only its scores are computed."""
        return self._loss(batch, self._states(batch))

    def _states(self, batch: Batch) -> Tensor:
        """(batch, length, dim)."""
        with self._cast():
            states: Tensor = self.model.states(batch.ids, use_cache=False).last_hidden_state
        return states

    def _loss(self, batch: Batch, states: Tensor) -> Tensor:
        picked = functional.embedding(batch.positions, states.flatten(0, 1))
        if self.name_loss is not None:
            return self.name_loss(picked.float(), batch.targets)
        if self.fused is None:
            with self._cast():
                scores = self.model.scores(picked)
            return functional.cross_entropy(scores.float(), batch.targets)
        return linear_cross_entropy(
            picked.float(), self.fused, batch.targets, product_dtype=torch.bfloat16
        )

    def _spelling(self, batch: Batch, states: Tensor) -> Tensor:
        """What is learned beside names."""
        if self.name_loss is None or not self.options.spelling:
            return states.new_zeros(())
        end, table = self.model.tokenizer.end, self.name_loss.table
        dtype = torch.bfloat16 if self.autocast else None
        return self.options.spelling * spelling_loss(states, batch.ids, end, table, dtype)

    def _cast(self) -> torch.autocast:
        return torch.autocast(self.model.device.type, torch.bfloat16, enabled=self.autocast)

    def step(self, batch: Batch, learning_rate: float) -> Tensor:
        """One step of the optimiser; returns the loss before it, without that of spelling."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.zero_grad(set_to_none=True)
        states = self._states(batch)
        loss = self._loss(batch, states)
        (loss + self._spelling(batch, states)).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.trained.values(), self.options.clipnorm)
        self.optimizer.step()
        return loss.detach()

    def _train(
        self, train: EncodedPairs, stretch: list[tuple[LongArray, float]], done: int, seed: int
    ) -> float:
        """The steps of a stretch; their mean loss."""
        self.model.network.train()
        total, device = torch.zeros(()), self.model.device
        for number, (rows, rate) in enumerate(tqdm(stretch, f"step {done}", None, disable=None)):
            batch = train.batch(rows, whole=self.options.whole_text).to(device)
            with seeded(_step_seed(seed, done + number), device):
                total += self.step(batch, rate).cpu()
        mean = total.item() / len(stretch)
        if not math.isfinite(mean):
            raise InputError(
                f"learning_rate: the loss is not a number by step {done + len(stretch)}; lower it"
            )
        return mean

    def _steps(self, train: EncodedPairs, seed: int) -> Iterator[tuple[LongArray, float]]:
        """Rows and learning rate of every step of every epoch."""
        seen, every, number = 0, self.options.epochs * len(train), 0
        for epoch in range(self.options.epochs):
            rng = np.random.default_rng([seed, epoch])
            for rows in batch_rows(train.lengths, self.options.batch_tokens, rng):
                rise = min(1.0, (number + 1) / max(1, self.options.warmup_steps))
                share = max(seen / every, number / (self.options.most_steps or math.inf))
                fall = 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
                yield rows, self.options.learning_rate * rise * fall
                number, seen = number + 1, seen + len(rows)

    def _begin(self, seed: int) -> Progress:
        """A new run, or that of the checkpoint with weights and optimiser set to it."""
        found = load_progress(self.state_dir, self.model.device) if self.state_dir else None
        if found is None:
            return Progress(seed)
        if found.seed != seed:
            raise InputError(f"{self.state_dir}: checkpoint of another seed; remove the folder")
        try:
            self._set(found.network)
            self.optimizer.load_state_dict(found.optimizer)
        except (RuntimeError, ValueError, KeyError) as error:
            message = f"{self.state_dir}: checkpoint of another network; remove the folder"
            raise InputError(message) from error
        logger.info("resumed after step %d", found.history[-1]["step"])
        return found

    @torch.no_grad()
    def _set(self, weights: dict[str, Tensor]) -> None:
        if weights.keys() != self.trained.keys():
            raise KeyError("other weights")
        for name, weight in self.trained.items():
            weight.copy_(weights[name])

    def _save(self, progress: Progress) -> None:
        """Note what is best so far, and write the checkpoint."""
        weights = {name: weight.detach() for name, weight in self.trained.items()}
        if _since_lowest(progress.history) == 0:
            progress.best = {name: weight.clone() for name, weight in weights.items()}
        if self.state_dir is not None:
            progress.network = weights
            progress.optimizer = self.optimizer.state_dict()
            save_progress(progress, self.state_dir)

    def _stopped(self, history: History) -> bool:
        patience = self.options.patience
        return patience is not None and bool(history) and _since_lowest(history) >= patience


def _output_table(model: LanguageModel) -> Tensor | None:
    """The last layer's weights, where a processor may compute scores and loss in one step.

    That leaves out the largest arrays of a step: scores of all tokens in single precision.
    """
    layer = model.network.get_output_embeddings()
    plain = type(layer) is torch.nn.Linear and layer.bias is None
    if model.device.type != "cpu" or not plain or layer.weight.dtype != torch.float32:
        return None
    table: Tensor = layer.weight
    return table


def _since_lowest(history: History) -> int:
    """Stretches since the first one with the lowest validation loss; 0: the last is lowest."""
    values = np.array([row["validation"] for row in history])
    return 0 if np.isnan(values).all() else len(values) - 1 - int(np.nanargmin(values))


def _optimizer(
    weights: list[torch.nn.Parameter], options: TrainingOptions
) -> torch.optim.Optimizer:
    groups = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": options.weight_decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=options.learning_rate, betas=(0.9, 0.95), fused=True)


def _step_seed(seed: int, step: int) -> int:
    return int(np.random.default_rng([seed, step, 1]).integers(2**62))
