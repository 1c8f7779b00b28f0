"""Losses: equal to their textbook forms, within their memory budget, calibrated as published."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from llmseqrec.errors import InputError
from llmseqrec.nn.fused import linear_cross_entropy
from llmseqrec.nn.losses import LOSSES, LossOptions, gbce_power, make_loss

DOUBLE = torch.float64


def problem(
    m: int = 23, n_items: int = 40, dim: int = 6, seed: int = 0, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor]:
    """Vectors and a table that want gradients, and targets."""
    rng = torch.Generator().manual_seed(seed)
    hidden = torch.randn(m, dim, generator=rng, dtype=dtype).requires_grad_()
    table = torch.randn(n_items, dim, generator=rng, dtype=dtype).requires_grad_()
    return hidden, table, torch.randint(n_items, (m,), generator=rng)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(7)


def gradients(loss: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss, tensors)


@settings(deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 60), st.integers(1, 20)),
    rows_at_once=st.integers(1, 45),
    scale=st.sampled_from([0.01, 1.0, 30.0]),
    seed=st.integers(0, 1000),
)
def test_fused_cross_entropy_is_the_plain_one(shape, rows_at_once, scale, seed):
    _, n_items, dim = shape
    hidden, table, targets = problem(*shape, seed)
    hidden = (hidden.detach() * scale).requires_grad_()
    ours = linear_cross_entropy(hidden, table, targets, rows_at_once * n_items * 4)
    exact = functional.cross_entropy((hidden @ table.T).double(), targets)
    assert ours.item() == pytest.approx(exact.item(), rel=1e-6, abs=1e-6)
    plain = functional.cross_entropy(hidden @ table.T, targets)
    for mine, theirs in zip(
        gradients(ours, hidden, table), gradients(plain, hidden, table), strict=True
    ):
        bound = 1e-6 * scale * max(1.0, dim**0.5)
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=bound)


def test_fused_gradients_pass_gradcheck():
    hidden, table, targets = problem(dtype=DOUBLE)

    def scaled_loss(h: Tensor, e: Tensor) -> Tensor:
        return 3 * linear_cross_entropy(h, e, targets, budget_bytes=5 * 40 * 8)

    assert torch.autograd.gradcheck(scaled_loss, (hidden, table))


def test_fused_loss_stays_finite_where_a_probability_vanishes():
    hidden, table, targets = problem()
    loss = linear_cross_entropy(hidden * 1000, table, targets)
    exact = functional.cross_entropy(hidden * 1000 @ table.T, targets)
    assert loss.item() == pytest.approx(exact.item(), rel=1e-6)


def test_fused_loss_of_a_frozen_table_leaves_it_without_gradient():
    hidden, table, targets = problem()
    table.requires_grad_(False)
    linear_cross_entropy(hidden, table, targets).backward()
    assert table.grad is None
    assert hidden.grad is not None


def test_bfloat16_products_come_close():
    hidden, table, targets = problem(200, 500, 32)
    loss = make_loss("cross_entropy", LossOptions(bfloat16=True))(hidden * 0.3, table, targets)
    exact = functional.cross_entropy(hidden * 0.3 @ table.T, targets)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=2e-3)
    ours = gradients(loss, hidden, table)
    for mine, theirs in zip(ours, gradients(exact, hidden, table), strict=True):
        assert (mine - theirs).norm() < 0.02 * theirs.norm()


@pytest.mark.parametrize(("n_items", "expected"), [(12_101, 9.4010), (3_416, 8.1362)])
def test_equal_scores_cost_the_logarithm_of_the_catalogue(n_items, expected):
    hidden, table, targets = torch.zeros(5, 4), torch.ones(n_items, 4), torch.arange(5)
    loss = make_loss("cross_entropy")(hidden, table, targets)
    assert loss.item() == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(
    ("calibration", "expected"), [(0.75, 0.30622), (0.0, 1.0), (1.0, 256 / 3415)]
)
def test_gbce_power_has_the_published_value(calibration, expected):
    assert gbce_power(3_416, 256, calibration) == pytest.approx(expected, abs=5e-6)


def test_gbce_without_calibration_is_bce():
    hidden, table, targets = problem()
    options = LossOptions(negatives=8, calibration=0.0)
    plain = make_loss("bce", options)(hidden, table, targets, generator())
    calibrated = make_loss("gbce", options)(hidden, table, targets, generator())
    assert calibrated.item() == pytest.approx(plain.item())


@pytest.mark.parametrize("shared", [True, False])
def test_sampled_losses_are_their_textbook_forms(shared):
    hidden, table, targets = problem(n_items=10_000, dtype=DOUBLE)  # collisions are unlikely
    options = LossOptions(negatives=4, shared=shared, calibration=0.5)
    shape = (4,) if shared else (len(targets), 4)
    negatives = torch.randint(10_000, shape, generator=generator()).expand(len(targets), 4)
    assert not (negatives == targets[:, None]).any()
    right = (hidden * table[targets]).sum(1, keepdim=True)
    wrong = (hidden[:, None] * table[negatives]).sum(2)
    scores = torch.cat([right, wrong], dim=1)  # (m, 5)
    first = torch.zeros(len(targets), dtype=torch.long)
    labels = functional.one_hot(first, 5).double()
    beta = gbce_power(10_000, 4, 0.5)
    probability = torch.cat([right.sigmoid() ** beta, wrong.sigmoid()], dim=1)
    expected = {
        "sampled_softmax": functional.cross_entropy(scores, first),
        "bce": functional.binary_cross_entropy_with_logits(scores, labels),
        "gbce": functional.binary_cross_entropy(probability, labels),
    }
    for name, value in expected.items():
        ours = make_loss(name, options)(hidden, table, targets, generator())
        assert ours.item() == pytest.approx(value.item(), rel=1e-9), name


@pytest.mark.parametrize("name", ["sampled_softmax", "bce", "gbce"])
def test_negatives_equal_to_the_target_are_left_out(name):
    hidden, table = torch.ones(3, 2), torch.ones(1, 2)
    loss = make_loss(name, LossOptions(negatives=5, calibration=0.0))
    value = loss(hidden, table, torch.zeros(3, dtype=torch.long), generator())
    expected = 0.0 if name == "sampled_softmax" else math.log1p(math.exp(-2))
    assert value.item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("name", list(LOSSES))
def test_a_small_budget_changes_nothing_but_memory(name, shared):
    hidden, table, targets = problem(m=64, n_items=500, dim=4)
    large = LossOptions(negatives=50, shared=shared)
    small = LossOptions(negatives=50, shared=shared, budget_bytes=8_000)
    results = []
    for options in (large, small):
        with LargestTensor() as largest:
            loss = make_loss(name, options)(hidden, table, targets, generator())
            results.append((loss, *gradients(loss, hidden, table)))
    assert largest.bytes <= max(small.budget_bytes, table.nbytes, 64 * 50 * 8)  # 8: drawn ids
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-7)


class LargestTensor(TorchDispatchMode):
    """Records the size of the largest floating-point tensor made within the block."""

    bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        if isinstance(made, Tensor) and made.is_floating_point():
            self.bytes = max(self.bytes, made.nbytes)
        return made


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("hinge", LossOptions(), "loss: .*'hinge'.*cross_entropy"),
        ("bce", LossOptions(negatives=0), "negatives"),
        ("gbce", LossOptions(calibration=1.5), "calibration"),
    ],
)
def test_wrong_options_are_refused_by_name(name, options, message):
    with pytest.raises(InputError, match=message):
        make_loss(name, options)
