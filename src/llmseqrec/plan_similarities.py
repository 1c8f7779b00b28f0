"""Which vectors and folds the comparisons of item vectors read. Light to import."""

from __future__ import annotations

from itertools import product
from typing import Any

from llmseqrec.config import Config, Similarities, Temporal
from llmseqrec.errors import InputError
from llmseqrec.plan_tables import files_of_tables
from llmseqrec.registry import parameters_class
from llmseqrec.resolve import ResolvedRun, dataset_need, embedding_need
from llmseqrec.shown_paths import without_folders


class SimilarityPlan:
    """The comparisons of a configuration.

    Args:
        config: the configuration.

    Raises:
        InputError: a comparison has no folds, or names a reduction fitted on training items.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        chosen = [s for s in config.similarities if not config.only or s.dataset in config.only]
        self.asked = {(found.dataset, found.split): found for found in chosen}
        for number, found in enumerate(chosen):
            self._check(found, f"similarities[{number}]")

    @property
    def tables(self) -> list[str]:
        """Every file of every table whose dataset and at least one embedding can be had."""
        possible = [pair for pair, asked in self.asked.items() if self._possible(asked)]
        return files_of_tables(f"similarities.{d}.{s}" for d, s in possible)

    def inputs(self, wildcards: Any) -> dict[str, Any]:
        """Files of a comparison."""
        folder = f"results/{wildcards.dataset}"
        variants = self.variants(wildcards)
        named = [path for each in variants for path in (each["vectors"], each["fitted"]) if path]
        return {
            "catalogue": f"{folder}/items.parquet",
            "statistics": f"{folder}/{wildcards.split}/statistics.json",
            "folds": [f"{folder}/{wildcards.split}/{fold}/valid" for fold in self.folds(wildcards)],
            "vectors": list(dict.fromkeys(named)),
        }

    def folds(self, wildcards: Any) -> list[str]:
        """Names of the folds."""
        split = self.config.datasets[wildcards.dataset].splits[wildcards.split]
        count = split.folds if isinstance(split, Temporal) else 0
        return [f"fold{number}" for number in range(1, count + 1)]

    def variants(self, wildcards: Any) -> list[dict[str, Any]]:
        """Run, names and files of every variant whose vectors can be had."""
        asked = self.asked[wildcards.dataset, wildcards.split]
        dataset = self.config.datasets[asked.dataset]
        missing, found = self._missing(asked), []
        for name, reduction, decay in product(asked.embeddings, asked.reductions, asked.decays):
            if name in missing:
                continue
            embedding = self.config.embeddings[name]
            template = embedding.template or dataset.template
            run = ResolvedRun(
                model="llm_seq_sim",
                params_from="default",
                parameters=parameters_class("llm_seq_sim")
                .model_validate({"decay": decay})
                .model_dump(mode="json"),
                embedding=embedding.model_copy(update={"template": template}),
                reduction=self.config.reductions[reduction] if reduction else None,
            )
            stem = f"results/{asked.dataset}/embeddings/{name}"
            stem = f"{stem}.{reduction}" if reduction else stem
            found.append(
                {
                    "run": run.model_dump(mode="json"),
                    "labels": {
                        "embedding": name,
                        "reduction": reduction or "none",
                        "decay": decay or "none",
                    },
                    "vectors": f"{stem}.npy",
                    "fitted": f"{stem}.safetensors" if reduction else "",
                }
            )
        return found

    def missing(self, wildcards: Any) -> dict[str, str]:
        """Embeddings that cannot be had here, and why."""
        return self._missing(self.asked[wildcards.dataset, wildcards.split])

    def _missing(self, asked: Similarities) -> dict[str, str]:
        found = {
            name: embedding_need(self.config, asked.dataset, self.config.embeddings[name])
            for name in asked.embeddings
        }
        return {name: without_folders(reason) for name, reason in found.items() if reason}

    def _possible(self, asked: Similarities) -> bool:
        lacking = dataset_need(asked.dataset, self.config.datasets[asked.dataset])
        return lacking is None and len(self._missing(asked)) < len(set(asked.embeddings))

    def _check(self, asked: Similarities, where: str) -> None:
        split = self.config.datasets[asked.dataset].splits[asked.split]
        if not isinstance(split, Temporal) or not split.folds:
            raise InputError(f"{where}.split: {asked.split} has no validation folds")
        for name in asked.reductions:
            if name and self.config.reductions[name].fit_on == "training":
                raise InputError(
                    f"{where}.reductions: {name} is fitted on training items, of every fold anew;"
                    " make it a run, with the folds as its parts"
                )
