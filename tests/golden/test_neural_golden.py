"""SASRec, BERT4Rec and GRU4Rec against the reference implementation's own output."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from llmseqrec.nn.bert4rec import BERT4Rec
from llmseqrec.nn.gru4rec import GRU4Rec, GRUShape
from llmseqrec.nn.head import SequenceNetwork
from llmseqrec.nn.item_table import ItemTable
from llmseqrec.nn.layers import TransformerShape
from llmseqrec.nn.optimizer import make_optimizer
from llmseqrec.nn.sasrec import SASRec
from tests.golden import golden

GOLDEN = golden("neural_forward_golden.json")
MODELS = {model["kind"]: model for model in GOLDEN["models"]}
# No true gradient: the optimiser amplifies rounding noise there.
FREE_AFTER_STEPS = ("attention.key.bias",)


def network_of(config: dict[str, Any], kind: str) -> SequenceNetwork:
    rng = torch.Generator().manual_seed(1)
    table = ItemTable.random(config["num_items"], config["emb_dim"], rng)
    if kind == "gru":
        return GRU4Rec(table, GRUShape(config["hidden_dim"], 0.0, "reference"), rng)
    shape = TransformerShape(config["N"], config["L"], config["h"], 0.0, "reference")
    return {"sasrec": SASRec, "bert": BERT4Rec}[kind](table, shape, rng)


def reference_state(weights: dict[str, dict[str, Any]]) -> dict[str, Tensor]:
    """Parameters by our names and in our layout; the scalar bias has no counterpart."""
    state = {}
    for name, entry in weights.items():
        if name != "head/scalar_bias":
            value = torch.tensor(entry["value"], dtype=torch.float32).reshape(entry["shape"])
            state[our_name(name)] = our_layout(name, value)
    return state


def our_name(name: str) -> str:
    if name.startswith("layer"):
        index, rest = name.removeprefix("layer").split("/", 1)
        return f"layers.{index}." + layer_name(rest)
    fixed = {
        "item_embedding": "item_table.weight",
        "position_embedding": "positions",
        "head/dense_kernel": "head.dense.weight",
        "head/dense_bias": "head.dense.bias",
    }
    return fixed.get(name) or name.replace("/", ".")


def layer_name(name: str) -> str:
    parts = {
        "attention_output": "output",
        "norm_attention": "attention_norm",
        "norm_ffn": "feed_forward_norm",
        "ffn_in": "feed_forward.inner",
        "ffn_out": "feed_forward.outer",
        "kernel": "weight",
        "gamma": "weight",
        "beta": "bias",
    }
    return ".".join(parts.get(part, part) for part in name.split("/"))


def our_layout(name: str, value: Tensor) -> Tensor:
    if name.startswith("gru/"):  # gates z, r, h -> r, z, h
        update, reset, candidate = value.chunk(3, dim=1)
        value = torch.cat([reset, update, candidate], dim=1)
        return value if name == "gru/bias" else value.T
    if name.endswith("attention_output/kernel"):
        return value.flatten(0, 1).T
    if "attention/" in name and name.endswith("kernel"):
        return value.flatten(1).T
    if "attention/" in name and not name.endswith("attention_output/bias"):
        return value.flatten()
    return value.T if name.endswith("kernel") else value


def logits_of(network: SequenceNetwork, inputs: Tensor) -> Tensor:
    table = network.item_table.vectors()[: network.item_table.n_items]
    return network(inputs) @ table.T


def loss_of(network: SequenceNetwork, inputs: Tensor, targets: Tensor) -> Tensor:
    scored = targets >= 0
    return functional.cross_entropy(logits_of(network, inputs)[scored], targets[scored])


@pytest.fixture(params=MODELS)
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    return MODELS[request.param]


@pytest.fixture
def network(case: dict[str, Any]) -> SequenceNetwork:
    """The reference's weights, and no parameter besides."""
    network = network_of(case["config"], case["kind"])
    network.load_state_dict(reference_state(case["weights"]))
    return network


def test_training_probabilities(network: SequenceNetwork, case: dict[str, Any]) -> None:
    inputs, targets = torch.tensor(case["train_input"]), torch.tensor(case["train_target"])
    scored = targets >= 0
    np.testing.assert_allclose(
        logits_of(network, inputs)[scored].softmax(-1).detach(),
        case["train_probabilities_row_major_over_scored_positions"],
        atol=1e-6,
    )


def test_predicted_probabilities(network: SequenceNetwork, case: dict[str, Any]) -> None:
    logits = logits_of(network, torch.tensor(case["predict_input"]))[:, -1]
    np.testing.assert_allclose(
        logits.softmax(-1).detach(), case["predict_probabilities"], atol=1e-6
    )


def test_losses_and_weights_of_two_steps(network: SequenceNetwork, case: dict[str, Any]) -> None:
    inputs, targets = torch.tensor(case["train_input"]), torch.tensor(case["train_target"])
    options = case["config"]["optimizer"]
    optimizer = make_optimizer(
        network.parameters(),
        "reference",
        options["learning_rate"],
        options["weight_decay"],
        options["clipnorm"],
    )
    for expected in case["losses_before_each_optimizer_step"]:
        loss = loss_of(network, inputs, targets)
        assert loss.item() == pytest.approx(expected, abs=1e-5)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    expected_state = reference_state(case["weights_after_2_optimizer_steps"])
    for name, value in network.state_dict().items():
        if not name.endswith(FREE_AFTER_STEPS):
            np.testing.assert_allclose(value, expected_state[name], atol=1e-5, err_msg=name)
