"""Decay weights of the SKNN family against outputs of the reference implementation."""

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from llmseqrec.models.neighbours import decay_weights
from llmseqrec.models.parameters import SKNNParameters

GOLDEN = json.loads((Path(__file__).parent / "data" / "decay_golden.json").read_text())
WEIGHTS = GOLDEN["sknn_decay_weights"]


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_equal_the_reference(name: str) -> None:
    for length, expected in WEIGHTS[name].items():
        ages = np.arange(int(length), 0, -1)
        weights = decay_weights(None if name == "none" else name, ages)
        np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["constant_linear", "harmonic_squared"])
def test_decays_of_another_model_are_refused(name: str) -> None:
    assert f'sknn "{name}"' in GOLDEN["unknown_names"]
    with pytest.raises(ValidationError):
        SKNNParameters(decay=name)
