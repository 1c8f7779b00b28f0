"""What a configuration amounts to: resolved runs, and what cannot be run here and why.

Light to import: the Snakefile calls this while it is parsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from llmseqrec.config import (
    PUBLISHED_PREFIX,
    Config,
    Dataset,
    Embedding,
    FileName,
    LanguageModelSettings,
    Reduction,
    Run,
    Strict,
)
from llmseqrec.config_base import check_path, first_problem
from llmseqrec.config_budget import too_long
from llmseqrec.errors import InputError, shown
from llmseqrec.registry import (
    EMBEDDING_PROVIDERS,
    LLM_PROVIDERS,
    MODELS,
    UPLOADING,
    load,
    parameters_class,
)
from llmseqrec.uploads import upload_problem
from llmseqrec.yaml_files import read_yaml


class ResolvedRun(Strict):
    """Everything that decides a run's result, besides data and seed."""

    model: str
    params_from: str
    parameters: dict[str, Any]
    embedding: Embedding | None = None
    reduction: Reduction | None = None
    components: dict[str, ResolvedRun] = Field(default_factory=dict)
    language_model: LanguageModelSettings | None = None
    finetune: bool = True
    finetuned_by: str | None = None

    @property
    def family(self) -> list[ResolvedRun]:
        """The run and all that it combines, at any depth."""
        nested = [found for component in self.components.values() for found in component.family]
        return [self, *nested]

    @property
    def stochastic(self) -> bool:
        """Whether two seeds can give two results."""
        return any(
            parameters_class(r.model)(**r.parameters).stochastic
            or (r.params_from == "tuned" and "sampling" in r.parameters)  # may be a random one
            for r in self.family
        )

    @property
    def neural(self) -> bool:
        """Whether it, or what it combines, is computed on a GPU where one is configured."""
        here = self.language_model is not None and self.language_model.constrains
        return here or any(MODELS[run.model].neural for run in self.family)

    @property
    def learns_validation(self) -> bool:
        """Whether the answers to validation prompts of leave-one-out are trained on in the end."""
        return any(parameters_class(r.model)(**r.parameters).learns_validation for r in self.family)

    @property
    def options(self) -> list[dict[str, Any]]:
        """What a combined run chooses from; empty for a run on its own."""
        if not MODELS[self.model].combined:
            return []
        parameters: Any = parameters_class(self.model)(**self.parameters)
        found: list[dict[str, Any]] = parameters.options(len(self.components))
        return found

    @property
    def chooses(self) -> bool:
        """Whether validation prompts decide between options."""
        return self.params_from != "tuned" and len(self.options) > 1


class _PublishedRun(BaseModel):
    """What each of published runs must have."""

    model: str
    parameters: dict[str, Any]


class _Published(BaseModel):
    """What a file of published optima must have."""

    table: FileName | None
    runs: dict[str, _PublishedRun]


@cache
def read_published(folder: Path, name: str) -> dict[str, Any]:
    """A file of published optima; read once, since every run of a dataset asks, and not changed.

    Raises:
        InputError: there is none of that name, or it lacks what such a file has.
    """
    path = folder / f"{name}.yaml"
    content = read_yaml(path, "published: of a dataset")
    try:
        _Published.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{path}: {first_problem(error)}") from None
    return content


def resolve_run(config: Config, dataset: str, name: str, published: Path) -> ResolvedRun:
    """Fill in defaults, published values and overrides, in that order.

    Published settings may have a reduction; it applies where the run names none.

    Args:
        config: the configuration.
        dataset: name of the dataset; its published optima and item texts apply.
        name: name of the run.
        published: folder of the published optima.

    Raises:
        InputError: published parameters are asked for and there are none, or they need vectors.
    """
    run, data = config.runs[name], config.datasets[dataset]
    entry: dict[str, Any] = {"parameters": {}}
    if run.search is not None:
        searched = resolve_run(config, dataset, config.searches[run.search].run, published)
        # Of its components, all that can be chosen: best.yaml tells which it is made of.
        open_ones = {
            "params_from": "tuned",
            "embedding": None,
            "reduction": None,
            "components": _components(config, dataset, name, published),
        }
        return searched.model_copy(update=open_ones)
    if run.params_from == "published":
        entry = _published_entry(config, dataset, name, published)
    try:
        checked = parameters_class(run.model)(**{**entry["parameters"], **run.parameters})
    except ValidationError as error:
        raise InputError(f"runs.{name}.parameters: {first_problem(error)}") from None
    parameters = checked.model_dump(mode="json")
    embedding = config.embeddings[run.embedding] if run.embedding else None
    if embedding is not None and embedding.template is None:
        embedding = embedding.model_copy(update={"template": data.template})
    if run.prompted and embedding is not None and embedding.template != "title":
        raise InputError(
            f"runs.{name}.embedding: names need vectors of names, and those of {run.embedding}"
            f" for {dataset} are of the template {embedding.template}; give it template: title"
        )
    return ResolvedRun(
        model=run.model,
        params_from=run.params_from,
        parameters=parameters,
        embedding=embedding,
        reduction=_reduction(config, run, entry, parameters),
        components=_components(config, dataset, name, published),
        language_model=config.language_models[run.language_model] if run.language_model else None,
        finetune=run.finetune,
        finetuned_by=run.finetuned_by,
    )


def _components(config: Config, dataset: str, name: str, published: Path) -> dict[str, ResolvedRun]:
    named = config.components_of(name)
    return {each: resolve_run(config, dataset, each, published) for each in named}


def reduction_name(run: Run, reduction: Reduction | None) -> str | None:
    """What a run's reduction is called in file names; a published one by what it does.

    Args:
        run: the configuration of the run.
        reduction: its resolved reduction.
    """
    if run.reduction or reduction is None:
        return run.reduction
    return f"{PUBLISHED_PREFIX}{reduction.method}_{reduction.dimensions}"


def _published_entry(config: Config, dataset: str, name: str, published: Path) -> dict[str, Any]:
    run, data = config.runs[name], config.datasets[dataset]
    key = run.published_as or name
    source = data.published or data.borrows
    found = read_published(published, source)["runs"] if source else {}
    if key not in found:
        raise InputError(f"runs.{name}: no published parameters of {key!r} for {dataset}")
    entry: dict[str, Any] = found[key]
    if entry["model"] != run.model:
        raise InputError(f"runs.{name}: {key!r} is published for {entry['model']}, not {run.model}")
    if "reduction" in entry and run.embedding is None:
        raise InputError(f"runs.{name}: published settings of {key!r} need an embedding: name one")
    return entry


def _reduction(
    config: Config, run: Run, entry: Mapping[str, Any], parameters: Mapping[str, Any]
) -> Reduction | None:
    """The reduction that a run names, else the published one, which is as wide as the model."""
    if run.reduction:
        return config.reductions[run.reduction]
    if "reduction" not in entry:
        return None
    return Reduction(**entry["reduction"], dimensions=parameters["dim"])


def dataset_need(name: str, dataset: Dataset) -> str | None:
    """Why a dataset cannot be had here, or None.

    Raises:
        InputError: `raw_dir` is given and lacks a file.
    """
    if dataset.raw_dir is not None:
        for role, raw in dataset.raw.items():
            if not (dataset.raw_dir / raw.name).is_file():
                where = dataset.raw_dir / raw.name
                raise InputError(f"datasets.{name}.raw.{role}: no such file: {where}")
        return None
    if dataset.private:
        return "private data: set raw_dir"
    without_url = [role for role, raw in dataset.raw.items() if raw.url is None]
    if without_url and dataset.sample is None:
        return f"no url of its {without_url[0]} file: set raw_dir"
    return None


def run_need(
    config: Config, resolved: Mapping[tuple[str, str], ResolvedRun], where: tuple[str, str, str]
) -> str | None:
    """Why a run cannot be done here, or None.

    Args:
        config: the configuration.
        resolved: (dataset, run) to its resolved configuration.
        where: dataset, split and run.
    """
    dataset, split, name = where
    run, columns = resolved[dataset, name], config.datasets[dataset].columns
    least = None if config.device == "cuda" else config.runs[name].least_budget
    if reason := too_long(least, config.budget):
        return reason
    if run.language_model is not None:
        reason = language_model_need(config, dataset, run.language_model)
        if reason is not None:
            return reason
    if run.embedding is not None:
        reason = embedding_need(config, dataset, run.embedding)
        if reason is not None:
            return reason
    for source in config.sources_of(name):
        reason = run_need(config, resolved, (dataset, split, source))
        if reason is not None:
            kind = "component" if source in config.components_of(name) else "run"
            return f"{kind} {source}: {reason}"
    parameters = parameters_class(run.model)(**run.parameters)
    if parameters.needs_times and columns is not None and columns.timestamp is None:
        return "needs time stamps, which the dataset has not (sampling: random does not)"
    if MODELS[run.model].external:
        path = external_path(run.parameters["path"], dataset, split)
        if not path.is_file():
            return f"no file {path}"
    return None


def embedding_need(config: Config, dataset: str, embedding: Embedding) -> str | None:
    """Why item vectors cannot be made here of a dataset's texts, or None."""
    return _provider_need(config, dataset, embedding, EMBEDDING_PROVIDERS)


def language_model_need(
    config: Config, dataset: str, settings: LanguageModelSettings
) -> str | None:
    """Why a language model cannot be asked here about a dataset's texts, or None."""
    return _provider_need(config, dataset, settings, LLM_PROVIDERS)


def _provider_need(
    config: Config, dataset: str, settings: Any, known: Mapping[str, str]
) -> str | None:
    name = settings.provider
    reasons: list[str | None] = [load(known[name]).unmet_need(settings, config.services)]
    if name in UPLOADING:
        reasons.append(upload_problem(dataset, name, config.datasets[dataset].allow_upload))
    return "; ".join(filter(None, reasons)) or None


def external_path(template: str, dataset: str, split: str) -> Path:
    """The file of an external run for one dataset and split.

    Raises:
        InputError: the template has other placeholders than {dataset} and {split}.
    """
    try:
        path = Path(template.format(dataset=dataset, split=split))
    except (KeyError, IndexError, ValueError, AttributeError, TypeError):
        raise InputError(
            f"parameters.path {shown(template)}: only {{dataset}} and {{split}} are filled in"
        ) from None
    try:
        check_path(path)
    except ValueError as error:
        raise InputError(f"parameters.path: {error}") from None
    return path
