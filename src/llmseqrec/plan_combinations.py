"""The part of the plan about runs that are made of others. Light to import, like the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmseqrec.config import Config, LeaveOneOut, parts_of
from llmseqrec.errors import InputError
from llmseqrec.resolve import ResolvedRun

Pairs = dict[tuple[str, str], None]
# Inputs that `choose_combination` takes once for all parts. Of a reduction that is fitted on
# training items these are the vectors of `full`; they serve the rule for diversity alone.
SHARED_BY_PARTS = ("catalogue", "preparation", "vectors", "reduction")


def with_components(config: Config, pairs: Iterable[tuple[str, str]]) -> Pairs:
    """(dataset, run) of the given pairs and of all that they combine, each once."""
    found: Pairs = {}
    for dataset, run in pairs:
        sources = [(dataset, name) for name in config.sources_of(run)]
        found |= {(dataset, run): None} | with_components(config, sources)
    return found


class Combinations:
    """Which files combined runs are made of.

    Args:
        config: the configuration.
        resolved: (dataset, run) to its resolved configuration, components included.

    Raises:
        InputError: a run has something to choose and a split nothing to choose on.
    """

    def __init__(self, config: Config, resolved: Mapping[tuple[str, str], ResolvedRun]) -> None:
        self.config = config
        self.resolved = resolved
        for e in config.chosen:
            for dataset, run in with_components(config, ((e.dataset, run) for run in e.runs)):
                self.parts(dataset, e.split, run)  # refused now, not when a job asks

    @property
    def choosing(self) -> set[str]:
        """Runs that choose between options on validation prompts."""
        return {run for (_, run), resolved in self.resolved.items() if resolved.chooses}

    def parts(self, dataset: str, split: str, run: str) -> list[str]:
        """The parts whose validation prompts a run chooses on; none where there is no choice."""
        if not self.resolved[dataset, run].chooses:
            return []
        protocol = self.config.datasets[dataset].splits[split]
        if isinstance(protocol, LeaveOneOut):
            self._check_withheld(dataset, run)
            return ["full"]
        if not protocol.folds:
            raise InputError(
                f"datasets.{dataset}.splits.{split}.folds: runs.{run} chooses on the folds, and"
                " there are none; give it one option only, or the split some folds"
            )
        return [part for part in parts_of(protocol) if part != "full"]

    def run_inputs(self, wildcards: Any, part: str) -> dict[str, Any]:
        """Fitted components of a combined run and, where there are options, the choice."""
        dataset, split, run = wildcards.dataset, wildcards.split, wildcards.run
        if not self.config.components_of(run):
            return {}
        seed = int(getattr(wildcards, "seed", self.config.seeds[0]))
        folder = f"results/{dataset}/{split}"
        files: dict[str, Any] = {"components": self._models(dataset, run, f"{folder}/{part}", seed)}
        if self.parts(dataset, split, run):
            files["choice"] = f"{folder}/combinations/{run}.json"
        return files

    def choice_inputs(self, wildcards: Any, shared: Mapping[str, Any]) -> dict[str, Any]:
        """Files of `choose_combination`: two folders a part, and the components fitted on it.

        Args:
            wildcards: dataset, split and run; the components are those of the first seed.
            shared: files of the run, of which those are taken that all parts share.
        """
        dataset, split, run = wildcards.dataset, wildcards.split, wildcards.run
        seed = self.config.seeds[0]
        parts = self.parts(dataset, split, run)
        folders = [f"results/{dataset}/{split}/{part}" for part in parts]
        return {
            **{name: shared[name] for name in SHARED_BY_PARTS if name in shared},
            "part_train": [f"{folder}/train" for folder in folders],
            "part_prompts": [f"{folder}/valid" for folder in folders],
            "part_components": [
                model for folder in folders for model in self._models(dataset, run, folder, seed)
            ],
        }

    def _check_withheld(self, dataset: str, run: str) -> None:
        """Refuse to choose on validation items that a component was trained on."""
        for name, component in self.resolved[dataset, run].components.items():
            if component.learns_validation:
                raise InputError(
                    f"runs.{run}: cannot choose on the validation items of {dataset}, which its"
                    f" component {name} is trained on in the end (refit)"
                )

    def _models(self, dataset: str, run: str, folder: str, seed: int) -> list[str]:
        """Models of a run's components under the folder of a part.

        A component that uses no chance is there with the first seed alone.
        """
        models = []
        for name in self.config.components_of(run):
            own = seed if self.resolved[dataset, name].stochastic else self.config.seeds[0]
            models.append(f"{folder}/{name}/seed{own}/model/model.safetensors")
        return models
