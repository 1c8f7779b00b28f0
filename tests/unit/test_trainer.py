"""The trainer: learns, stops by its rule, and ends the same after a kill."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from llmseqrec.errors import InputError
from llmseqrec.nn.batches import Batch, BatchOptions, NextItemBatches
from llmseqrec.nn.item_table import ItemTable
from llmseqrec.nn.layers import TransformerShape
from llmseqrec.nn.losses import LossOptions, make_loss
from llmseqrec.nn.optimizer import make_optimizer
from llmseqrec.nn.sasrec import SASRec
from llmseqrec.nn.trainer import Trainer, TrainerOptions, Validate, hold_out
from llmseqrec.sessions import Sessions

N_ITEMS = 12


class KilledError(Exception):
    """Stands for the end of the process."""


def circles(count: int = 60) -> Sessions:
    """Sessions that walk round a circle of items, of three to six items."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 7, count)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    start = np.repeat(rng.integers(N_ITEMS, size=count), lengths)
    items = (start + np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)) % N_ITEMS
    return Sessions(offsets, items.astype(np.int32), np.arange(count, dtype=np.int32))


def batches(fidelity: str = "standard") -> NextItemBatches:
    return NextItemBatches(circles(), BatchOptions(5, 16, fidelity))


def trainer(
    options: TrainerOptions | None = None,
    state_dir: Path | None = None,
    *,
    loss: str = "cross_entropy",
    fidelity: str = "standard",
    lr: float = 0.01,
) -> Trainer:
    rng = torch.Generator().manual_seed(3)
    shape = TransformerShape(max_length=5, layers=1, heads=2, dropout=0.2, fidelity=fidelity)
    network = SASRec(ItemTable.random(N_ITEMS, 16, rng), shape, rng)
    optimizer = make_optimizer(network.parameters(), fidelity, lr, 0.01, clipnorm=5.0)
    return Trainer(
        network, optimizer, make_loss(loss, LossOptions(negatives=8)), options, state_dir
    )


def scripted(values: Iterable[float], kill_at: int | None = None) -> Validate:
    """Validation values given beforehand; the process ends instead of giving value `kill_at`."""
    numbered = enumerate(values)

    def validate() -> dict[str, float]:
        number, value = next(numbered)
        if number == kill_at:
            raise KilledError
        return {"validation": value, "watched": value / 2}

    return validate


def weights(made: Trainer) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in made.network.state_dict().items()}


def fit(made: Trainer, validate: Validate, seed: int = 1) -> list[float]:
    history = made.fit(batches(), validate, np.random.default_rng(seed))
    assert all(row["watched"] == row["validation"] / 2 for row in history)
    return [row["validation"] for row in history]


@pytest.mark.parametrize("loss", ["cross_entropy", "sampled_softmax", "gbce", "bce"])
def test_it_learns_what_follows(loss):
    made = trainer(TrainerOptions(max_epochs=100, patience=100), loss=loss, lr=0.03)
    prompts = torch.arange(N_ITEMS)[:, None]

    def share_right() -> dict[str, float]:
        scores = made.network(prompts)[:, -1] @ made.network.item_table.vectors()[:N_ITEMS].T
        right = scores.argmax(1) == (prompts[:, 0] + 1) % N_ITEMS
        return {"validation": right.float().mean().item()}

    history = made.fit(batches(), share_right, np.random.default_rng(1))
    assert [row["epoch"] for row in history] == list(range(1, 101))
    assert history[-1]["loss"] < history[0]["loss"]
    with torch.no_grad():
        best = max(row["validation"] for row in history)
        assert share_right()["validation"] == best > 0.7
    assert not made.network.training


def test_it_stops_after_two_epochs_without_a_strictly_better_one_and_goes_back():
    stopped = trainer(TrainerOptions(patience=2))
    assert fit(stopped, scripted([0.1, 0.3, 0.3, 0.2, 0.9])) == [0.1, 0.3, 0.3, 0.2]
    short = trainer(TrainerOptions(max_epochs=2))
    fit(short, scripted([0.1, 0.3]))
    assert weights(stopped) == weights(short)


def test_at_the_limit_the_last_weights_can_be_kept():
    values = [0.3, 0.1, 0.2]
    best, last = (
        trainer(TrainerOptions(max_epochs=3, patience=3, last_at_limit=keep))
        for keep in (False, True)
    )
    assert fit(best, scripted(values)) == fit(last, scripted(values)) == values
    one, rising = trainer(TrainerOptions(max_epochs=1)), trainer(TrainerOptions(max_epochs=3))
    fit(one, scripted([0.3]))
    fit(rising, scripted([0.1, 0.2, 0.3]))
    assert weights(best) == weights(one)
    assert weights(last) == weights(rising)


@pytest.mark.parametrize(
    ("fidelity", "averaging"), [("reference", 0.0), ("standard", 0.0), ("standard", 0.9)]
)
@pytest.mark.parametrize("loss", ["cross_entropy", "sampled_softmax"])
@pytest.mark.parametrize("kill_at", [0, 1, 3, 4])
def test_a_killed_run_ends_with_the_same_weights(tmp_path, fidelity, averaging, loss, kill_at):
    kind = {"loss": loss, "fidelity": fidelity}
    options = TrainerOptions(averaging=averaging)
    values = [0.1, 0.4, 0.2, 0.5, 0.3, 0.45]
    made = [trainer(options, tmp_path / "whole", **kind)]
    expected = made[0].fit(batches(fidelity), scripted(values), np.random.default_rng(1))
    killed = trainer(options, tmp_path / "killed", **kind)
    with pytest.raises(KilledError):
        killed.fit(batches(fidelity), scripted(values, kill_at), np.random.default_rng(1))
    made.append(trainer(options, tmp_path / "killed", **kind))
    rest = scripted(values[kill_at:])
    assert made[1].fit(batches(fidelity), rest, np.random.default_rng(1)) == expected
    assert weights(made[0]) == weights(made[1])


def test_without_patience_all_epochs_are_trained_and_the_last_weights_kept():
    made, last = trainer(TrainerOptions(3, None)), trainer(TrainerOptions(3, None))
    assert fit(made, scripted([0.3, 0.2, 0.1])) == [0.3, 0.2, 0.1]
    fit(last, scripted([0.1, 0.2, 0.3]))
    assert weights(made) == weights(last)


class Recorder(Trainer):
    """Keeps the item table after every step."""

    def step(self, batch: Batch, generator: torch.Generator) -> Tensor:
        loss = super().step(batch, generator)
        self.__dict__.setdefault("tables", []).append(self.table())
        return loss

    def table(self) -> np.ndarray:
        return self.network.item_table.weight.detach().numpy().copy()


def test_the_running_mean_is_validated_and_kept():
    plain = trainer()
    options = TrainerOptions(max_epochs=3, averaging=0.3)
    made = Recorder(plain.network, plain.optimizer, plain.loss, options)
    seen: list[np.ndarray] = []

    def validate() -> dict[str, float]:
        seen.append(made.table())
        return {"validation": len(seen)}

    made.fit(batches(), validate, np.random.default_rng(1))
    mean, expected = made.tables[0], []
    for step, table in enumerate(made.tables[1:], 1):
        decay = min(0.3, step / (step + 10))
        mean = decay * mean + (1 - decay) * table
        if (step + 1) % len(batches()) == 0:
            expected.append(mean)
    np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(made.table(), seen[-1])
    assert np.abs(seen[-1] - made.tables[-1]).max() > 1e-3  # the test can tell it from the weights


def test_a_finished_run_is_not_trained_again(tmp_path):
    first = trainer(TrainerOptions(max_epochs=3), tmp_path)
    fit(first, scripted([0.1, 0.3, 0.2]))
    again = trainer(TrainerOptions(max_epochs=3), tmp_path)
    assert fit(again, scripted([])) == [0.1, 0.3, 0.2]
    assert weights(first) == weights(again)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    fit(trainer(TrainerOptions(max_epochs=1), tmp_path), scripted([0.1]))
    with pytest.raises(InputError, match="another seed; remove"):
        fit(trainer(state_dir=tmp_path), scripted([0.1]), seed=2)
    other = trainer(state_dir=tmp_path)
    other.network.item_table = ItemTable(torch.zeros(N_ITEMS + 5, 8))
    with pytest.raises(InputError, match="another network; remove"):
        fit(other, scripted([0.1]))
    (tmp_path / "checkpoint.pt").write_bytes(b"something else")
    with pytest.raises(InputError, match=r"checkpoint\.pt: not a checkpoint"):
        fit(trainer(state_dir=tmp_path), scripted([0.1]))


def test_a_loss_that_is_no_number_names_the_learning_rate():
    made = trainer(lr=1e30)
    with pytest.raises(InputError, match="learning_rate"):
        fit(made, scripted([0.1] * 3))


def test_chance_comes_from_the_generator_and_leaves_torchs_alone():
    made = [trainer(TrainerOptions(max_epochs=2)) for _ in range(3)]
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    for each, seed in zip(made, (1, 1, 2), strict=True):
        fit(each, scripted([0.1, 0.2]), seed)
    assert torch.equal(torch.rand(3), expected)
    assert weights(made[0]) == weights(made[1])
    assert weights(made[0]) != weights(made[2])


@pytest.mark.parametrize(("count", "held"), [(60, 6), (61, 7), (9, 1), (6000, 500)])
def test_held_out_sessions_are_not_trained_on(count, held):
    sessions = circles(count)
    train, prompts = hold_out(sessions, np.random.default_rng(0))
    ids = set(train.session_ids.tolist()), set(prompts.sessions.session_ids.tolist())
    assert len(ids[1]) == held
    assert not ids[0] & ids[1]
    assert ids[0] | ids[1] == set(range(count))
    assert (prompts.targets == sessions.last_items[prompts.sessions.session_ids]).all()
    assert (prompts.sessions.lengths == sessions.lengths[prompts.sessions.session_ids] - 1).all()
