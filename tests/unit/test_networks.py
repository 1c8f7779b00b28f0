"""What users of the networks rely on: causality, padding without influence, starting values."""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from llmseqrec.errors import InputError
from llmseqrec.nn.bert4rec import BERT4Rec
from llmseqrec.nn.gru4rec import GRU4Rec, GRUShape
from llmseqrec.nn.head import SequenceNetwork
from llmseqrec.nn.initialisers import Fidelity
from llmseqrec.nn.item_table import ItemTable
from llmseqrec.nn.layers import TransformerShape
from llmseqrec.nn.optimizer import make_optimizer
from llmseqrec.nn.sasrec import SASRec
from llmseqrec.nn.sequences import PADDING, draw_masks, mask_items, next_item_rows, windows
from llmseqrec.sessions import Sessions

N_ITEMS, DIM, LENGTH = 30, 10, 9  # a width that is no multiple of the heads
MASK = N_ITEMS
Make = Callable[[Fidelity, int], SequenceNetwork]


def transformer(kind: type[SASRec] | type[BERT4Rec]) -> Make:
    def make(fidelity: Fidelity, seed: int) -> SequenceNetwork:
        rng = torch.Generator().manual_seed(seed)
        shape = TransformerShape(LENGTH, layers=2, heads=3, dropout=0.1, fidelity=fidelity)
        return kind(ItemTable.random(N_ITEMS, DIM, rng), shape, rng).eval()

    return make


def gru(fidelity: Fidelity, seed: int) -> SequenceNetwork:
    rng = torch.Generator().manual_seed(seed)
    shape = GRUShape(hidden=7, fidelity=fidelity)
    return GRU4Rec(ItemTable.random(N_ITEMS, DIM, rng), shape, rng).eval()


NETWORKS = {"sasrec": transformer(SASRec), "bert4rec": transformer(BERT4Rec), "gru4rec": gru}
ITEMS = st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=LENGTH)


def shaken(network: SequenceNetwork) -> SequenceNetwork:
    """With biases and norms away from zero and one, as after training."""
    rng = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=rng), alpha=0.3)
    return network


@cache
def exact(name: str, fidelity: Fidelity) -> SequenceNetwork:
    """In double precision, for properties that hold but for rounding; not to be changed."""
    return shaken(NETWORKS[name](fidelity, 1)).double()


def padded(items: list[int], length: int) -> Tensor:
    return torch.tensor([[PADDING] * (length - len(items)) + items])


@pytest.mark.parametrize("name", NETWORKS)
@settings(deadline=None, max_examples=25)
@given(items=ITEMS, data=st.data())
def test_padding_has_no_influence_at_standard(name: str, items: list[int], data) -> None:
    """Neither in front of a session nor through longer sessions of the same batch."""
    network = exact(name, "standard")
    length = data.draw(st.integers(len(items), LENGTH))
    alone = network(torch.tensor([items]))
    batch = torch.cat([padded(items, length), torch.zeros(1, length, dtype=torch.long)])
    torch.testing.assert_close(network(batch)[:1, -len(items) :], alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_vector_of_padding_has_no_influence_at_standard(name: str) -> None:
    network = shaken(NETWORKS[name]("standard", 1))
    inputs = padded([3, 1, 4], LENGTH)
    before = network(inputs)
    with torch.no_grad():
        network.item_table.vectors()[-1] += 5
    torch.testing.assert_close(network(inputs), before, rtol=0, atol=0)


@pytest.mark.parametrize("name", NETWORKS)
def test_padding_is_seen_at_reference(name: str) -> None:
    network = shaken(NETWORKS[name]("reference", 1))
    alone = network(torch.tensor([[3, 1, 4]]))
    assert not torch.allclose(network(padded([3, 1, 4], LENGTH))[:, -3:], alone, atol=1e-3)


@pytest.mark.parametrize("fidelity", ["reference", "standard"])
@pytest.mark.parametrize("name", NETWORKS)
@settings(deadline=None, max_examples=25)
@given(items=st.lists(st.integers(0, N_ITEMS - 1), min_size=2, max_size=LENGTH), data=st.data())
def test_causality(name: str, fidelity: Fidelity, items: list[int], data) -> None:
    """Later items do not change SASRec and GRU4Rec; they do change BERT4Rec."""
    network = exact(name, fidelity)
    step = data.draw(st.integers(1, len(items) - 1))
    later = [(item + 1) % N_ITEMS for item in items[step:]]
    first = LENGTH - len(items)
    before = network(padded(items, LENGTH))[:, first : first + step]
    after = network(padded(items[:step] + later, LENGTH))[:, first : first + step]
    if name == "bert4rec":
        assert not torch.allclose(after, before, rtol=0, atol=1e-6)
    else:
        torch.testing.assert_close(after, before, rtol=0, atol=1e-12)


@pytest.mark.parametrize("fidelity", ["reference", "standard"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_prompt_without_known_items_trains_and_scores(name: str, fidelity: Fidelity) -> None:
    """All padding: finite vectors and gradients, at standard the same for every length."""
    network = shaken(NETWORKS[name](fidelity, 1))
    output = network(torch.full((2, LENGTH), PADDING))
    output.sum().backward()
    assert output.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())
    if fidelity == "standard":
        torch.testing.assert_close(output[:, -1:], network(torch.full((2, 1), PADDING)))


@pytest.mark.parametrize("name", NETWORKS)
def test_start_is_set_by_the_generator_alone(name: str) -> None:
    before = torch.get_rng_state()
    first, again, other = (NETWORKS[name]("standard", seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    for key, value in first.items():
        assert torch.equal(value, again[key])
        fixed = "norm" in key or "bias" in key
        assert torch.equal(value, other[key]) == fixed


@pytest.mark.parametrize("name", ["sasrec", "bert4rec"])
def test_reference_starts_attention_with_one_kernel(name: str) -> None:
    """Query, key and value, in every layer, whatever the seed; not so at standard."""
    kernels = {
        fidelity: [
            getattr(layer.attention, part).weight
            for seed in (1, 2)
            for layer in NETWORKS[name](fidelity, seed).layers
            for part in ("query", "key", "value")
        ]
        for fidelity in ("reference", "standard")
    }
    assert all(torch.equal(kernel, kernels["reference"][0]) for kernel in kernels["reference"])
    assert len({kernel.sum().item() for kernel in kernels["standard"]}) == 12


def test_reference_starts_both_feed_forward_kernels_of_sasrec_alike() -> None:
    layer = NETWORKS["sasrec"]("reference", 1).layers[1].feed_forward
    assert torch.equal(layer.inner.weight, layer.outer.weight)


def test_reference_counts_the_fan_of_attention_kernels_as_keras_does() -> None:
    """A query kernel is (10, 3, 3): fan in 10 * 3, fan out 10 * 3; the output's is (3, 3, 10)."""
    attention = NETWORKS["sasrec"]("reference", 1).layers[0].attention
    limit, output_limit = math.sqrt(6 / 60), math.sqrt(6 / (3 * 3 + 3 * 10))
    assert limit * 0.9 < attention.query.weight.abs().max() <= limit
    assert output_limit * 0.9 < attention.output.weight.abs().max() <= output_limit


def test_more_heads_than_width_are_refused() -> None:
    rng = torch.Generator()
    with pytest.raises(InputError, match="heads: 5 attention heads"):
        SASRec(ItemTable.random(N_ITEMS, 4, rng), TransformerShape(heads=5), rng)


def test_gru_follows_torch() -> None:
    network = shaken(NETWORKS["gru4rec"]("standard", 1))
    inputs = torch.tensor([[1, 2, 3, 4]])
    oracle = torch.nn.GRU(DIM, 7, batch_first=True)
    oracle.weight_ih_l0.data = network.gru.kernel.data
    oracle.weight_hh_l0.data = network.gru.recurrent_kernel.data
    oracle.bias_ih_l0.data, oracle.bias_hh_l0.data = network.gru.bias.data
    expected = oracle(network.item_table(inputs))[0]
    torch.testing.assert_close(network.encode([inputs]), expected[0])


@pytest.mark.parametrize("fidelity", ["reference", "standard"])
def test_clipping_is_of_each_parameter(fidelity: Fidelity) -> None:
    """A long gradient does not shorten another one's; the first moment shows what was used."""
    parameters = [torch.nn.Parameter(torch.zeros(2)) for _ in range(2)]
    optimizer = make_optimizer(parameters, fidelity, lr=0.1, weight_decay=0.0, clipnorm=1.0)
    for parameter, gradient in zip(parameters, ([30.0, 40.0], [0.3, 0.4]), strict=True):
        parameter.grad = torch.tensor(gradient)
    optimizer.step()
    used = [optimizer.state[parameter]["exp_avg"] * 10 for parameter in parameters]
    torch.testing.assert_close(torch.stack(used), torch.tensor([[0.6, 0.8], [0.3, 0.4]]))


@pytest.mark.parametrize("fidelity", ["reference", "standard"])
def test_an_optimiser_resumes_where_it_was(fidelity: Fidelity) -> None:
    def train(steps: int, network: SequenceNetwork, state: dict | None) -> dict:
        optimizer = make_optimizer(network.parameters(), fidelity, 0.01, 0.1, clipnorm=0.05)
        if state is not None:
            optimizer.load_state_dict(state)
        for _ in range(steps):
            optimizer.zero_grad()
            network(torch.tensor([[1, 2, 3]])).square().sum().backward()
            optimizer.step()
        return optimizer.state_dict()

    undisturbed, resumed = (NETWORKS["sasrec"](fidelity, 1) for _ in range(2))
    train(4, undisturbed, None)
    train(2, resumed, train(2, resumed, None))
    for ours, theirs in zip(resumed.parameters(), undisturbed.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@given(
    sessions=st.lists(st.lists(st.integers(0, 99), max_size=8), max_size=6),
    length=st.integers(1, 5),
    data=st.data(),
)
def test_windows(sessions: list[list[int]], length: int, data) -> None:
    offsets = np.cumsum([0, *map(len, sessions)])
    items = np.array([item for session in sessions for item in session], dtype=np.int32)
    compressed = Sessions(offsets, items, np.arange(len(sessions), dtype=np.int32))
    expected = [[PADDING] * (length - len(session)) + session[-length:] for session in sessions]
    made = windows(compressed, length)
    assert made.dtype == np.int32
    assert made.shape == (len(sessions), length)
    assert made.tolist() == expected
    if sessions:
        rows = data.draw(st.lists(st.integers(0, len(sessions) - 1), min_size=1))
        chosen = windows(compressed, length, np.array(rows))
        assert chosen.tolist() == [expected[row] for row in rows]


def test_rows_are_left_as_they_were() -> None:
    rows = np.array([[PADDING, 1, 2]], dtype=np.int32)
    next_item_rows(rows)
    mask_items(rows, np.ones((1, 3), dtype=bool), MASK)
    assert rows.tolist() == [[PADDING, 1, 2]]


def test_masks_are_drawn_with_their_probability() -> None:
    last_only = np.arange(11_000) % 11 == 0
    drawn = draw_masks(last_only, 20, 0.3, np.random.default_rng(1))
    assert drawn[last_only].sum(axis=0).tolist() == [0] * 19 + [1000]
    assert drawn[~last_only].mean(axis=0) == pytest.approx(0.3, abs=0.02)
    assert draw_masks(last_only, 20, 1.0, np.random.default_rng(1))[~last_only].all()
