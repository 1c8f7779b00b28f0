"""The part of the plan about searches: their ranges, workers and files. Light to import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from llmseqrec.config import Config, Range, Search, Temporal
from llmseqrec.config_base import first_problem
from llmseqrec.config_search import NAMED_AXES, Value, in_order
from llmseqrec.errors import InputError
from llmseqrec.registry import MODELS, parameters_class
from llmseqrec.resolve import ResolvedRun, embedding_need, read_published, resolve_run

KINDS = ("csv", "md", "tex", "html")
FIGURES = ("history", "importance", "values")
Ranges = dict[str, Range]


class SearchPlan:
    """The searches of a configuration.

    Args:
        config: the configuration.
        base: the folder of the Snakefile, which holds config/spaces.yaml.

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
        for name in self.asked:
            self._check(name)

    @property
    def done(self) -> list[str]:
        """Searches that can be done here: their item vectors can be had."""
        return [name for name in self.asked if self.candidates(name)]

    @property
    def tables(self) -> list[str]:
        """Every file of every table."""
        stems = ["searches", *(f"choices.{name}" for name in self.done)] if self.done else []
        return [f"results/tables/{stem}.{kind}" for stem in stems for kind in KINDS]

    @property
    def figures(self) -> list[str]:
        """Every file of every figure."""
        return [
            f"results/figures/search_{figure}.{name}.{kind}"
            for name in self.done
            for figure in FIGURES
            for kind in ("pdf", "png")
        ]

    def folder(self, name: str) -> str:
        """Where the results of a search lie."""
        search = self.asked[name]
        return f"results/{search.dataset}/{search.split}/search/{name}"

    def inputs(self, wildcards: Any) -> dict[str, Any]:
        """Files of `tune_model`: of the folds only, so that no test set can be read."""
        search, candidates = self.asked[wildcards.search], self.candidates(wildcards.search)
        split = self.config.datasets[search.dataset].splits[search.split]
        count = split.folds if isinstance(split, Temporal) else 0
        home = f"results/{search.dataset}"
        folds = [f"{home}/{search.split}/fold{number}" for number in range(1, count + 1)]
        return {
            "catalogue": f"{home}/items.parquet",
            "fold_train": [f"{fold}/train" for fold in folds],
            "fold_prompts": [f"{fold}/valid" for fold in folds],
            "vectors": vector_files(candidates),
        }

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
        return [variant for variant, fixed in named if _that_have(fixed, candidates)]

    def left_out(self, wildcards: Any) -> dict[str, str]:
        """Embeddings that are asked for and cannot be had here, and why."""
        name = wildcards.search
        search = self.asked[name]
        found = {}
        for embedding in self._choices(name, "embedding", self.config.runs[search.run].embedding):
            if embedding is not None:
                settings = self.config.embeddings[embedding]
                found[embedding] = embedding_need(self.config, search.dataset, settings)
        return {embedding: reason for embedding, reason in found.items() if reason}

    def task(self, name: str, variant: str) -> dict[str, Any]:
        """What the workers of a variant are told; choices are those that can be had here."""
        search = self.asked[name]
        fixed = search.variants[variant]
        candidates = _that_have(fixed, self.candidates(name))
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
        }

    def tasks(self, wildcards: Any) -> dict[str, Any]:
        """The tasks of all variants that can be had."""
        name = wildcards.search
        return {variant: self.task(name, variant) for variant in self.variants(name)}

    def model_of(self, name: str) -> str:
        """Name of the model that is searched."""
        return self.config.runs[self.asked[name].run].model

    def gpu_of(self, wildcards: Any) -> int:
        """One GPU for a neural model unless the configuration keeps to the processor."""
        neural = MODELS[self.model_of(wildcards.search)].neural
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
        search = self.asked[name]
        own = self.config.runs[search.run]
        axes = [self._choices(name, axis, getattr(own, axis)) for axis in NAMED_AXES]
        resolved = resolve_run(self.config, search.dataset, search.run, self.published)
        found = [
            self._candidate(search.dataset, resolved, embedding, reduction)
            for embedding, reduction in product(*axes)
        ]
        return [each for each in found if each is not None]

    def _choices(self, name: str, axis: str, own: Value) -> list[Any]:
        """Names of an axis that a variant fixes, a range has, or the run."""
        found = self.ranges[name].get(axis)
        listed = list(found.choices or []) if found else [own]
        variants = self.asked[name].variants.values()
        fixed = [variant[axis] for variant in variants if axis in variant]
        named = dict.fromkeys([*fixed, *(listed if len(fixed) < len(variants) else [])])
        return sorted(named, key=lambda value: value != own)  # stable: the run's own first

    def _candidate(
        self, dataset: str, run: ResolvedRun, embedding: str | None, reduction: str | None
    ) -> dict[str, Any] | None:
        made: dict[str, Any] = {"embedding": None, "reduction": None}
        stem = ""
        if embedding is not None:
            settings = self.config.embeddings[embedding]
            if embedding_need(self.config, dataset, settings):
                return None
            template = settings.template or self.config.datasets[dataset].template
            made["embedding"] = settings.model_copy(update={"template": template})
            made["reduction"] = self.config.reductions[reduction] if reduction else None
            stem = f"results/{dataset}/embeddings/{embedding}"
            stem = f"{stem}.{reduction}" if reduction else stem
        return {
            "embedding": embedding,
            "reduction": reduction,
            "run": run.model_copy(update=made).model_dump(mode="json"),
            "vectors": f"{stem}.npy" if stem else "",
            "fitted": f"{stem}.safetensors" if stem and reduction else "",
        }

    def _ranges(self, name: str, spaces: Mapping[str, Ranges]) -> Ranges:
        search = self.asked[name]
        space = search.space or self.model_of(name)
        if space not in spaces and (search.space or not search.ranges):
            known = ", ".join(sorted(spaces))
            raise InputError(f"searches.{name}.space: no {space!r} in config/spaces.yaml: {known}")
        joined = {**spaces.get(space, {}), **search.ranges}
        return {key: found for key, found in joined.items() if found is not None}

    def _check(self, name: str) -> None:
        search, where, ranges = self.asked[name], f"searches.{name}", self.ranges[name]
        split = self.config.datasets[search.dataset].splits[search.split]
        if not isinstance(split, Temporal) or not split.folds:
            raise InputError(f"{where}.split: {search.split} has no validation folds")
        model = self.model_of(name)
        if MODELS[model].recommender is None or MODELS[model].combined:
            raise InputError(f"{where}.run: {search.run} chooses for itself or has nothing to fit")
        fields = parameters_class(model).model_fields
        given = [key for fixed in search.variants.values() for key in fixed]
        for key in [*ranges, *given]:
            if key not in NAMED_AXES and key.partition(".")[0] not in fields:
                raise InputError(f"{where}.ranges.{key}: {model} has no such parameter")
        for key, found in ranges.items():
            for other in found.when:
                if other not in {*ranges, *given}:
                    raise InputError(f"{where}.ranges.{key}.when: {other} is not searched")
            if search.sampler == "grid" and found.values is None:
                raise InputError(f"{where}.ranges.{key}: sampler grid needs a step, or choices")
        try:
            in_order(ranges)
        except ValueError as error:
            raise InputError(f"{where}.ranges.{error}") from None
        self._check_names(search, where, ranges)
        self._check_reduction(search, where, ranges)

    def _check_reduction(self, search: Search, where: str, ranges: Ranges) -> None:
        """Refuse a run whose reduction comes with published settings: it has no name to choose."""
        run = resolve_run(self.config, search.dataset, search.run, self.published)
        named = self.config.runs[search.run].reduction or "reduction" in ranges
        fixed = all("reduction" in variant for variant in search.variants.values())
        if run.reduction is not None and not named and not fixed:
            raise InputError(
                f"{where}.run: {search.run} takes a published reduction, of a width of its own;"
                " name a reduction in the run or in ranges.reduction"
            )

    def _check_names(self, search: Search, where: str, ranges: Ranges) -> None:
        """Refuse vectors that are not defined, or are fitted for every fold anew."""
        known: tuple[dict[str, Any], ...] = (self.config.embeddings, self.config.reductions)
        for axis, defined in zip(NAMED_AXES, known, strict=True):
            asked = list(ranges[axis].choices or []) if axis in ranges else []
            asked += [fixed[axis] for fixed in search.variants.values() if axis in fixed]
            asked += [getattr(self.config.runs[search.run], axis)]
            for value in asked:
                if value is not None and value not in defined:
                    raise InputError(f"{where}.ranges.{axis}: {value!r} is not defined")
                if axis == "reduction" and value and defined[value].fit_on == "training":
                    raise InputError(
                        f"{where}.ranges.reduction: {value} is fitted on training items, of every"
                        " fold anew; it cannot be searched"
                    )


def _that_have(
    fixed: Mapping[str, Value], candidates: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The candidates with the names that a variant fixes."""
    asked = {axis: fixed[axis] for axis in NAMED_AXES if axis in fixed}
    return [c for c in candidates if all(c[axis] == name for axis, name in asked.items())]


def vector_files(candidates: list[dict[str, Any]]) -> list[str]:
    """Files of the item vectors of all candidates, each once."""
    paths = [path for each in candidates for path in (each["vectors"], each["fitted"]) if path]
    return list(dict.fromkeys(paths))


def read_spaces(path: Path) -> dict[str, Ranges]:
    """The ranges of config/spaces.yaml.

    Raises:
        InputError: the file is absent, or a range of it is none; naming the key.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return TypeAdapter(dict[str, Ranges]).validate_python(content)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise InputError(f"{path}: {first_problem(error)}") from None
