"""The part of the plan about searches: their ranges, workers and files. Light to import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from llmseqrec.config import Config, Range, Search, Temporal
from llmseqrec.config_search import NAMED_AXES, OPTION_AXIS
from llmseqrec.errors import InputError
from llmseqrec.plan_combinations import with_components
from llmseqrec.plan_search_checks import check_reduction, check_search
from llmseqrec.plan_search_vectors import (
    candidates_of,
    may_have_vectors,
    that_have,
    unmet_embeddings,
    vector_files,
)
from llmseqrec.plan_tables import files_of_tables
from llmseqrec.resolve import (
    ResolvedRun,
    read_published,
    resolve_run,
    run_need,
)
from llmseqrec.search_spaces import Ranges, read_spaces

FIGURES = ("history", "importance", "values")


class SearchPlan:
    """The searches of a configuration.

    Args:
        config: the configuration.
        base: the folder of the Snakefile, which holds config/spaces.yaml.

    Attributes:
        components: (dataset, run) to its resolved configuration, of all that searches take the
            fitted models of: what a run combines, or a prompted run itself.

    Raises:
        InputError: a search has no folds, or a range that its model does not know.
    """

    def __init__(self, config: Config, base: Path) -> None:
        self.config = config
        self.published = base / "config" / "published"
        named = config.searches.items()
        self.asked = {n: s for n, s in named if not config.only or s.dataset in config.only}
        spaces = read_spaces(base / "config" / "spaces.yaml") if self.asked else {}
        self.ranges = {name: self._ranges(name, spaces) for name in self.asked}
        for name, search in self.asked.items():
            check_search(config, f"searches.{name}", search, self.ranges[name])
            check_reduction(config, f"searches.{name}", search, self.run_of(name))
        asked = [(s.dataset, each) for s in self.asked.values() for each in self._needed(s)]
        self.components: dict[tuple[str, str], ResolvedRun] = {
            pair: resolve_run(config, *pair, self.published)
            for pair in with_components(config, asked)
        }

    @property
    def done(self) -> list[str]:
        """Searches that can be done here."""
        return [name for name in self.asked if self.need(name) is None]

    @property
    def tables(self) -> list[str]:
        """Every file of every table."""
        stems = ["searches", *(f"choices.{name}" for name in self.done)] if self.done else []
        return files_of_tables(stems)

    @property
    def figures(self) -> list[str]:
        """Every file of every figure."""
        return [
            f"results/figures/search_{figure}.{name}.{kind}"
            for name in self.done
            for figure in FIGURES
            for kind in ("pdf", "png")
        ]

    def need(self, name: str) -> str | None:
        """Why a search cannot be done here, or None."""
        search = self.asked[name]
        for component in self._needed(search):
            where = (search.dataset, search.split, component)
            reason = run_need(self.config, self.components, where)
            if reason:
                return f"{component}: {reason}"
        if not self.candidates(name):
            return f"search {name} has no item vectors that can be had here"
        return None

    def folder(self, name: str) -> str:
        """Where the results of a search lie."""
        search = self.asked[name]
        return f"results/{search.dataset}/{search.split}/search/{name}"

    def inputs(self, wildcards: Any) -> dict[str, Any]:
        """Files of `tune_model`: of the folds only, so that no test set can be read."""
        search, candidates = self.asked[wildcards.search], self.candidates(wildcards.search)
        home = f"results/{search.dataset}"
        folds = [f"{home}/{search.split}/{part}" for part in self.folds(wildcards.search)]
        return {
            "catalogue": f"{home}/items.parquet",
            "fold_train": [f"{fold}/train" for fold in folds],
            "fold_prompts": [f"{fold}/valid" for fold in folds],
            "vectors": vector_files(candidates),
            "fold_components": [
                self._model(search, fold, component)
                for fold in folds
                for component in self._components(search)
            ],
        }

    def folds(self, name: str) -> list[str]:
        """Names of the folds of a search."""
        search = self.asked[name]
        split = self.config.datasets[search.dataset].splits[search.split]
        count = split.folds if isinstance(split, Temporal) else 0
        return [f"fold{number}" for number in range(1, count + 1)]

    def worker_files(self, wildcards: Any) -> list[str]:
        """What the workers of all variants write."""
        search, folder = self.asked[wildcards.search], self.folder(wildcards.search)
        return [
            f"{folder}/{variant}.worker{number}.json"
            for variant in self.variants(wildcards.search)
            for number in range(1, search.workers + 1)
        ]

    def first_workers(self, wildcards: Any) -> dict[str, str]:
        """What the first worker of each variant writes."""
        variants, folder = self.variants(wildcards.search), self.folder(wildcards.search)
        return {variant: f"{folder}/{variant}.worker1.json" for variant in variants}

    def variants(self, name: str) -> list[str]:
        """Variants of a search whose item vectors can be had here."""
        candidates = self.candidates(name)
        named = self.asked[name].variants.items()
        return [variant for variant, fixed in named if that_have(fixed, candidates)]

    def left_out(self, wildcards: Any) -> dict[str, str]:
        """Embeddings that are asked for and cannot be had here, and why."""
        name = wildcards.search
        return unmet_embeddings(self.config, self.asked[name], self.ranges[name])

    def may_have_vectors(self, name: str) -> bool:
        """Whether what a search chooses may stand on item vectors."""
        return may_have_vectors(self.config, self.asked[name], self.ranges[name])

    def task(self, name: str, variant: str) -> dict[str, Any]:
        """What the workers of a variant are told; choices are those that can be had here."""
        search = self.asked[name]
        fixed = search.variants[variant]
        candidates = that_have(fixed, self.candidates(name))
        ranges = {key: r for key, r in self.ranges[name].items() if key not in fixed}
        for axis in ranges.keys() & NAMED_AXES:
            there = {each[axis] for each in candidates}
            choices = [value for value in ranges[axis].choices or [] if value in there]
            ranges[axis] = ranges[axis].model_copy(update={"choices": choices})
        return {
            "search": search.model_dump(mode="json"),
            "ranges": {key: r.model_dump(mode="json") for key, r in ranges.items()},
            "fixed": dict(fixed),
            "candidates": candidates,
            "components": {
                each: self.components[search.dataset, each].model_dump(mode="json")
                for each in self._components(search)
            },
        }

    def tasks(self, wildcards: Any) -> dict[str, Any]:
        """The tasks of all variants that can be had."""
        name = wildcards.search
        return {variant: self.task(name, variant) for variant in self.variants(name)}

    def model_of(self, name: str) -> str:
        """Name of the model that is searched."""
        return self.config.runs[self.asked[name].run].model

    def models_of(self, name: str) -> list[str]:
        """Names of the model that is searched and of all that it may combine."""
        search = self.asked[name]
        found = [self.components[search.dataset, each] for each in self._components(search)]
        models = [run.model for component in found for run in component.family]
        return list(dict.fromkeys([self.model_of(name), *models]))

    def gpu_of(self, wildcards: Any) -> int:
        """One GPU for a neural model unless the configuration keeps to the processor."""
        search = self.asked[wildcards.search]
        others = [self.components[search.dataset, each] for each in self._components(search)]
        neural = any(run.neural for run in [self.run_of(wildcards.search), *others])
        return int(neural and self.config.device in ("auto", "cuda"))

    def minutes_of(self, wildcards: Any) -> int:
        """How long a worker may run: the search's hours, and one for what it has begun."""
        hours = self.asked[wildcards.search].hours
        return 10_080 if hours is None else round(60 * hours) + 60

    def result(self, file: str) -> Callable[[Any], str]:
        """A function that names a result of a search whose name alone is known."""
        return lambda wildcards: f"{self.folder(wildcards.search)}/{file}"

    def best_files(self, _: Any) -> list[str]:
        """best.yaml of every search that can be done."""
        return [f"{self.folder(name)}/best.yaml" for name in self.done]

    def title_of(self, wildcards: Any) -> str:
        """What readers see of a search."""
        return self.titles[wildcards.search]

    @property
    def titles(self) -> dict[str, str]:
        """Display names of run and dataset of every search that can be done."""
        runs, datasets = self.config.runs, self.config.datasets
        return {
            name: f"{runs[self.asked[name].run].display}, "
            f"{datasets[self.asked[name].dataset].display} {self.asked[name].split}"
            for name in self.done
        }

    def published_values(self, wildcards: Any) -> dict[str, Any]:
        """What the study chose for the searched parameters of a dataset, or of one it borrows."""
        name = wildcards.search
        search = self.asked[name]
        dataset, run = self.config.datasets[search.dataset], self.config.runs[search.run]
        source = dataset.published or dataset.borrows
        runs = read_published(self.published, source)["runs"] if source else {}
        entry = runs.get(run.published_as or search.run, {})
        if entry.get("model") != run.model:
            return {}
        values = dict(entry["parameters"])
        if "reduction" in entry:
            values["reduction"] = entry["reduction"]["method"]
        return {key: values[key] for key in self.ranges[name] if key in values}

    def candidates(self, name: str) -> list[dict[str, Any]]:
        """Every (embedding, reduction) that can be chosen and had here; the run's own first."""
        found = self.config, self.asked[name], self.ranges[name], self.run_of(name)
        return candidates_of(*found)

    def run_of(self, name: str) -> ResolvedRun:
        """The run of a search, resolved."""
        search = self.asked[name]
        return resolve_run(self.config, search.dataset, search.run, self.published)

    def _components(self, search: Search) -> list[str]:
        return search.components(self.config.runs[search.run].components)

    def _needed(self, search: Search) -> list[str]:
        """Runs of which the search takes what was fitted on the folds."""
        prompted = self.config.runs[search.run].prompted
        return [search.run] if prompted else self._components(search)

    def _model(self, search: Search, fold: str, component: str) -> str:
        """The model of a component that was fitted on a fold, with the first seed."""
        return f"{fold}/{component}/seed{self.config.seeds[0]}/model/model.safetensors"

    def _ranges(self, name: str, spaces: Mapping[str, Ranges]) -> Ranges:
        search = self.asked[name]
        space = search.space or self.model_of(name)
        # What a combined run can choose between is told by its parameters.
        options = [orjson.dumps(option).decode() for option in self.run_of(name).options]
        own = {OPTION_AXIS: Range(choices=options)} if len(options) > 1 else {}
        if space not in spaces and (search.space or not (search.ranges or own)):
            known = ", ".join(sorted(spaces))
            raise InputError(f"searches.{name}.space: no {space!r} in config/spaces.yaml: {known}")
        joined = {**own, **spaces.get(space, {}), **search.ranges}
        return {key: found for key, found in joined.items() if found is not None}
