"""A fitted reduction: one map after another, stored without a pickle."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmseqrec.config import Reduction
from llmseqrec.errors import InputError
from llmseqrec.reduction.affine import (
    Affine,
    DoubleArray,
    FloatArray,
    Vectors,
    check_finite,
    check_width,
    checked,
)
from llmseqrec.registry import REDUCERS, load
from llmseqrec.tensors import read_tensors, write_tensors

_KEY = "chain"


@dataclass(frozen=True)
class Chain:
    """Affine maps, each of what the one before gives.

    Attributes:
        maps: at least one.
        report: what was fitted on what, and what all of it did to the vectors.
    """

    maps: tuple[Affine, ...]
    report: Mapping[str, Any]

    def transform(self, vectors: Vectors) -> FloatArray:
        """Reduced vectors, (n, reduced_dim); double precision up to the last step.

        Raises:
            InputError: a vector is not finite or of another dimension than the fitted ones.
        """
        check_finite(vectors)
        check_width(vectors, len(self.maps[0].mean))
        mapped = vectors
        for affine in self.maps:
            mapped = affine.apply(mapped)
        return mapped.astype("float32")

    def save(self, path: Path) -> None:
        """Write one safetensors file; equal chains give equal bytes."""
        facts = {"normalise": [m.normalise for m in self.maps], "report": dict(self.report)}
        arrays: dict[str, DoubleArray] = {}
        for number, affine in enumerate(self.maps):
            arrays |= {f"{number}.mean": affine.mean, f"{number}.matrix": affine.matrix}
            if affine.shift is not None:
                arrays[f"{number}.shift"] = affine.shift
        write_tensors(arrays, path, {_KEY: json.dumps(facts, sort_keys=True)})

    @classmethod
    def load(cls, path: Path) -> "Chain":
        """Read what `save` wrote.

        Raises:
            InputError: the file is of another kind, or damaged.
        """
        arrays, written = read_tensors(path)
        try:
            facts = json.loads(written[_KEY])
            maps = tuple(
                Affine(
                    arrays[f"{number}.mean"],
                    arrays[f"{number}.matrix"],
                    normalise,
                    shift=arrays.get(f"{number}.shift"),
                )
                for number, normalise in enumerate(facts["normalise"])
            )
            return cls(maps, facts["report"])
        except (ValueError, KeyError, TypeError):
            raise InputError(
                f"{path}: holds no chain of maps; delete it to have it made again"
            ) from None


def fit_chain(
    vectors: Vectors, reduction: Reduction, classes: Sequence[str] | None = None
) -> Chain:
    """Fit every step on what the steps before it give.

    The report of a single step is its own; that of several tells of all of them together, and of
    each under `steps`.

    Args:
        vectors: (n_items, dim) what it is fitted on.
        reduction: the steps.
        classes: (n_items,) class of each item, for LDA.

    Raises:
        InputError: a vector is not finite, or a step cannot be fitted on these.
    """
    current = checked(vectors)
    maps: list[Affine] = []
    for step in reduction.chain:
        if maps:
            current = maps[-1].apply(current)
        maps.append(load(REDUCERS[step.method])(current, step, classes))
    report = maps[0].report if len(maps) == 1 else _joint_report(reduction, maps)
    return Chain(tuple(maps), {**report, "fit_on": reduction.fit_on})


def _joint_report(reduction: Reduction, maps: Sequence[Affine]) -> dict[str, Any]:
    """Before the first step and after the last; shares of variance are only told step by step."""
    first, last = maps[0].report, maps[-1].report
    before = {name: first[name] for name in first if name.endswith("_before")}
    return {
        **last,
        **before,
        "method": reduction.method,
        "explained_variance": None,
        "steps": [dict(affine.report) for affine in maps],
    }
