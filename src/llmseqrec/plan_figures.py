"""The part of the plan about figures: which an experiment has, and from what. Light to import."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmseqrec.config import Reduction
from llmseqrec.registry import MODELS

if TYPE_CHECKING:
    from llmseqrec.plan import Plan

KINDS = ("pdf", "png", "csv")
# What every experiment has of which a run could be done.
ALWAYS = ("accuracy", "popularity", "lengths", "distributions", "tradeoff")
# Their other files, as a pattern of outputs.
BESIDE_PNG = [
    f"results/figures/{name}.{{dataset}}.{{split}}.{kind}"
    for name in ALWAYS
    for kind in ("pdf", "csv")
]


class FigurePlan:
    """The figures of a configuration.

    Args:
        plan: of the configuration.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @property
    def files(self) -> list[str]:
        """Every file of every figure of an experiment: pdf, png, and csv of what is drawn."""
        names = [
            f"{name}.{dataset}.{split}"
            for dataset, split in self.plan.done_experiments()
            for name in self.names(dataset, split)
        ]
        tables = [Path(path).name for path in self.plan.similarities.tables]
        names += [name.removesuffix(".csv") for name in tables if name.endswith(".csv")]
        return [f"results/figures/{name}.{kind}" for name in names for kind in KINDS]

    def names(self, dataset: str, split: str) -> list[str]:
        """Figures of an experiment: those whose inputs exist."""
        found = [*ALWAYS, "costs"]
        found += ["training"] if self.trained_folders(dataset, split) else []
        found += ["affinity"] if self.vectors(dataset, split) else []
        found += ["reductions"] if self.reduction_groups(dataset, split) else []
        found += ["positions"] if self.asked_positions(dataset, split) else []
        return found

    def asked_positions(self, dataset: str, split: str) -> dict[str, str]:
        """By display name, hits of each run that is asked with other items last."""
        asked = self.plan.config.positions
        runs = self.plan.runs_of(dataset, split) if asked.depth else []
        return {
            self.plan.config.runs[run].display: (
                f"results/{dataset}/{split}/full/{run}/positions.json"
            )
            for run in runs
            if run in self.plan.fitted and run in (asked.runs or runs)
        }

    def reduction_groups(self, dataset: str, split: str) -> dict[str, dict[str, str]]:
        """Runs that differ in nothing but the reduction: by their group, display name to it."""
        found: dict[str, dict[str, str]] = {}
        for run in self.plan.runs_of(dataset, split):
            configured, resolved = self.plan.config.runs[run], self.plan.resolved[dataset, run]
            if run in self.plan.fitted and resolved.embedding and not resolved.components:
                told = json.dumps([configured.search, resolved.parameters], sort_keys=True)
                key = f"{resolved.model} on {configured.embedding}\n{told}"
                found.setdefault(key, {})[configured.display] = described(resolved.reduction)
        several = [(key.split("\n")[0], runs) for key, runs in found.items() if len(runs) > 1]
        names = [name for name, _ in several]
        return {
            name if names.count(name) == 1 else f"{name}, settings {number}": runs
            for number, (name, runs) in enumerate(several, start=1)
        }

    def reduction_methods(self) -> dict[str, str]:
        """How readers know each configured reduction, without its dimensions."""
        reductions = self.plan.config.reductions
        return {name: method_name(found) for name, found in reductions.items()}

    def done_folders(self, dataset: str, split: str) -> dict[str, list[str]]:
        """Seed folders of the runs of an experiment that can be done, by display name."""
        return self._folders(dataset, split, self.plan.runs_of(dataset, split))

    def trained_folders(self, dataset: str, split: str) -> dict[str, list[str]]:
        """The same of those that are trained in epochs."""
        config = self.plan.config
        runs = self.plan.runs_of(dataset, split)
        return self._folders(
            dataset, split, [r for r in runs if MODELS[config.runs[r].model].neural]
        )

    def history_files(self, wildcards: Any) -> list[str]:
        """Their training histories."""
        folders = self.trained_folders(wildcards.dataset, wildcards.split)
        return [f"{folder}/history.parquet" for seeds in folders.values() for folder in seeds]

    def vectors(self, dataset: str, split: str) -> dict[str, str]:
        """Unreduced item vectors of every embedding that a run of an experiment uses."""
        runs = self.plan.runs_of(dataset, split)
        used = dict.fromkeys(self.plan.config.runs[run].embedding for run in runs)
        return {name: f"results/{dataset}/embeddings/{name}.npy" for name in used if name}

    def _folders(self, dataset: str, split: str, runs: list[str]) -> dict[str, list[str]]:
        shown = self.plan.config.runs
        return {shown[run].display: self.plan.seed_folders(dataset, split, run) for run in runs}


def method_name(reduction: Reduction) -> str:
    """Methods of the steps, with what else tells two of them apart."""
    names = []
    for step in reduction.chain:
        power = f" {step.power:g}" if step.power != 1 else ""
        groups = f", {step.groups} groups" if step.method == "group_zca" else ""
        names.append(f"{step.method.replace('_', ' ')}{power}{groups}")
    return " + ".join(names)


def described(reduction: Reduction | None) -> str:
    """Methods and dimensions."""
    if reduction is None:
        return "none"
    dimensions = reduction.chain[-1].dimensions
    return f"{method_name(reduction)}, {dimensions or 'all'} dimensions"
