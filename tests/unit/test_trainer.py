"""The trainer: learns, stops by its rule, and ends the same after a kill."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import torch

from llmseqrec.errors import InputError
from llmseqrec.nn.batches import BatchOptions, NextItemBatches
from llmseqrec.nn.item_table import ItemTable
from llmseqrec.nn.layers import TransformerShape
from llmseqrec.nn.losses import LossOptions, make_loss
from llmseqrec.nn.optimizer import make_optimizer
from llmseqrec.nn.sasrec import SASRec
from llmseqrec.nn.trainer import Trainer, TrainerOptions, hold_out
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
    network = SASRec(ItemTable.random(N_ITEMS, 8, rng), shape, rng)
    optimizer = make_optimizer(network.parameters(), fidelity, lr, 0.01, clipnorm=5.0)
    return Trainer(
        network, optimizer, make_loss(loss, LossOptions(negatives=8)), options, state_dir
    )


def scripted(values: Iterable[float], kill_at: int | None = None) -> Callable[[], float]:
    """Validation values given beforehand; the process ends instead of giving value `kill_at`."""
    numbered = enumerate(values)

    def validate() -> float:
        number, value = next(numbered)
        if number == kill_at:
            raise KilledError
        return value

    return validate


def weights(made: Trainer) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in made.network.state_dict().items()}


def fit(made: Trainer, validate: Callable[[], float], seed: int = 1) -> list[float]:
    history = made.fit(batches(), validate, np.random.default_rng(seed))
    return [row["validation"] for row in history]


@pytest.mark.parametrize("loss", ["cross_entropy", "sampled_softmax", "gbce", "bce"])
def test_it_learns_what_follows(loss):
    made = trainer(TrainerOptions(max_epochs=40, patience=40), loss=loss, lr=0.03)
    prompts = torch.arange(N_ITEMS)[:, None]

    def share_right() -> float:
        scores = made.network(prompts)[:, -1] @ made.network.item_table.vectors()[:N_ITEMS].T
        return (scores.argmax(1) == (prompts[:, 0] + 1) % N_ITEMS).float().mean().item()

    history = made.fit(batches(), share_right, np.random.default_rng(1))
    assert [row["epoch"] for row in history] == list(range(1, 41))
    assert history[-1]["loss"] < history[0]["loss"]
    with torch.no_grad():
        assert share_right() == max(row["validation"] for row in history) > 0.7
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


@pytest.mark.parametrize("fidelity", ["reference", "standard"])
@pytest.mark.parametrize("loss", ["cross_entropy", "sampled_softmax"])
@pytest.mark.parametrize("kill_at", [0, 1, 3, 4])
def test_a_killed_run_goes_on_and_ends_with_the_same_weights(tmp_path, fidelity, loss, kill_at):
    values = [0.1, 0.4, 0.2, 0.5, 0.3, 0.45]
    made = [trainer(state_dir=tmp_path / "whole", loss=loss, fidelity=fidelity)]
    expected = made[0].fit(batches(fidelity), scripted(values), np.random.default_rng(1))
    killed = trainer(state_dir=tmp_path / "killed", loss=loss, fidelity=fidelity)
    with pytest.raises(KilledError):
        killed.fit(batches(fidelity), scripted(values, kill_at), np.random.default_rng(1))
    made.append(trainer(state_dir=tmp_path / "killed", loss=loss, fidelity=fidelity))
    rest = scripted(values[kill_at:])
    assert made[1].fit(batches(fidelity), rest, np.random.default_rng(1)) == expected
    assert weights(made[0]) == weights(made[1])


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
