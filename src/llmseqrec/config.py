"""The configuration: every key, its type, its default and what it means.

Unknown keys are refused by name. Parsing it imports neither torch nor scikit-learn.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    NonNegativeInt,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from llmseqrec.config_base import FileName as FileName
from llmseqrec.config_base import Name as Name
from llmseqrec.config_base import Strict as Strict
from llmseqrec.config_base import check_displays, defined, first_problem, one_of
from llmseqrec.config_budget import BUDGET_DESCRIPTION, BudgetName, with_budget
from llmseqrec.config_comparisons import Comparisons as Comparisons
from llmseqrec.config_figures import Positions
from llmseqrec.config_llm import LanguageModelSettings as LanguageModelSettings
from llmseqrec.config_llm import LocalModelSettings as LocalModelSettings
from llmseqrec.config_llm import LoraSettings as LoraSettings
from llmseqrec.config_llm import ModelSettings as ModelSettings
from llmseqrec.config_llm import OpenAIModelSettings as OpenAIModelSettings
from llmseqrec.config_llm import PaidModelSettings as PaidModelSettings
from llmseqrec.config_llm import SmallModelSettings as SmallModelSettings
from llmseqrec.config_llm import TrainedHere as TrainedHere
from llmseqrec.config_llm import VertexModelSettings as VertexModelSettings
from llmseqrec.config_reductions import Reduction as Reduction
from llmseqrec.config_reductions import ReductionStep as ReductionStep
from llmseqrec.config_report import Report as Report
from llmseqrec.config_runs import Embedding as Embedding
from llmseqrec.config_runs import Run as Run
from llmseqrec.config_search import Range as Range
from llmseqrec.config_search import Search as Search
from llmseqrec.config_services import Services as Services
from llmseqrec.config_similarities import Similarities as Similarities
from llmseqrec.errors import InputError
from llmseqrec.registry import MODELS, RAW_FORMATS, UPLOADING
from llmseqrec.yaml_files import check_tree, read_yaml

MOST_NESTED = 4
PUBLISHED_PREFIX = "published_"  # of the names of reductions that come with published settings


class RawFile(Strict):
    """One raw file of a dataset."""

    name: FileName = Field(description="File name inside raw_dir, or inside resources/{dataset}/.")
    url: str | None = Field(None, description="Where to download it when there is no raw_dir.")
    member: str | None = Field(None, description="The file to take out of a zip archive.")


class Core(Strict):
    """The p-core filter (study, §7.1.1)."""

    minimum: int = Field(5, ge=1, description="Fewest interactions a session and an item keep.")
    mode: Literal["iterative", "once", "none"] = Field(
        "iterative",
        description="iterative: sessions, then items, until nothing changes; "
        "once: both counted once on the raw rows.",
    )


class Columns(Strict):
    """Column names of a csv or parquet dataset; null where a file has no such column."""

    session: str = "session_id"
    item: str = "item_id"
    timestamp: str | None = "timestamp"
    order: str | None = Field(None, description="Decides the order inside a session when given.")
    rating: str | None = None
    title: str | None = None
    category: str | None = Field(None, description="Category list; also the item's class.")
    text: str | None = Field(None, description="Review text.")
    list_separator: str = "|"
    item_key: str = Field("item_id", description="Item column of the separate items file.")


class Sample(Strict):
    """The synthetic dataset that ships with the project."""

    users: int = Field(1500, ge=10)
    items: int = Field(600, ge=10)
    seed: int = 20240205


class Temporal(Strict):
    """Sessions ordered by their end; the latest are the test set (study, §7.1.1)."""

    protocol: Literal["temporal"] = "temporal"
    test_fraction: float = Field(0.2, gt=0, lt=1)
    folds: int = Field(3, ge=0, le=99, description="Forward-chained validation folds.")
    filter_items: bool = Field(True, description="Drop test rows of items unseen in training.")
    test_sessions: Path | None = Field(
        None,
        description="A file of session keys, one a line: a published test set. Unlisted sessions "
        "that end after the border of the test fraction are dropped.",
    )


class LeaveOneOut(Strict):
    """The last item of each session is the test target, the one before it the validation target."""

    protocol: Literal["leave_one_out"] = "leave_one_out"


Split = Annotated[Temporal | LeaveOneOut, Field(discriminator="protocol")]


class Dataset(Strict):
    """Where a dataset comes from and how it is cleaned and split."""

    display: str
    format: str = Field(description="Raw format: " + ", ".join(RAW_FORMATS) + ".")
    raw: dict[str, RawFile] = Field(default_factory=dict, description="Raw file of each role.")
    raw_dir: Path | None = Field(None, description="A folder that holds the raw files already.")
    sample: Sample | None = Field(None, description="Generate the raw files: synthetic data.")
    private: bool = Field(False, description="Not public: needs raw_dir.")
    allow_upload: list[str] = Field(
        default_factory=list,
        description="Providers that the item texts may be sent to: openai, vertex.",
    )
    columns: Columns | None = None
    core: Core = Core()
    deduplicate: bool = Field(False, description="Keep the earliest of repeated (session, item).")
    ties: Literal["hash", "file", "asin", "published"] = Field(
        "hash", description="Order of interactions of one session with one time stamp."
    )
    malformed_share: float = Field(0.001, ge=0, le=1, description="Malformed lines tolerated.")
    keep_text: bool = Field(False, description="Keep review texts (reviews.parquet).")
    template: str = Field("title", description="Text of an item, by name or as a format string.")
    published: Name | None = Field(
        None, description="File of config/published/ with its optima and its published table."
    )
    borrows: Name | None = Field(
        None, description="File of config/published/ whose optima it uses, of another dataset."
    )
    splits: dict[Name, Split]

    @model_validator(mode="after")
    def _times_for_temporal(self) -> Dataset:
        if self.columns is not None and self.columns.timestamp is None:
            for name, split in self.splits.items():
                if isinstance(split, Temporal):
                    raise ValueError(
                        f"splits.{name}: a temporal split needs columns.timestamp; "
                        "use the leave_one_out protocol"
                    )
        return self

    @field_validator("format")
    @classmethod
    def _known_format(cls, value: str) -> str:
        return one_of(value, RAW_FORMATS, "format")

    @field_validator("allow_upload")
    @classmethod
    def _known_providers(cls, value: list[str]) -> list[str]:
        return [one_of(name, UPLOADING, "uploading provider") for name in value]


class Experiment(Strict):
    """Which runs are fitted on which split."""

    dataset: Name
    split: Name
    runs: list[Name] = Field(min_length=1)
    parts: list[str] = Field(
        ["full"], description="What the runs are fitted on: full, fold1, fold2, fold3."
    )


class Config(Strict):
    """The whole configuration."""

    datasets: dict[Name, Dataset]
    embeddings: dict[Name, Embedding] = Field(default_factory=dict)
    reductions: dict[Name, Reduction] = Field(default_factory=dict)
    language_models: dict[Name, LanguageModelSettings] = Field(default_factory=dict)
    runs: dict[Name, Run]
    experiments: list[Experiment] = Field(min_length=1)
    only: list[Name] = Field(
        default_factory=list, description="Datasets to work on; empty: all of the experiments."
    )
    budget: BudgetName | None = Field(None, description=BUDGET_DESCRIPTION)
    seeds: list[NonNegativeInt] = Field(
        [1], min_length=1, description="Seeds of runs that use chance."
    )
    top_k: int = Field(20, ge=1, le=32767, description="Length of the recommendation lists.")
    cutoffs: list[PositiveInt] = Field([10, 20], min_length=1)
    tie_shuffles: int = Field(20, ge=0, description="Shuffles of tied interactions; 0: none.")
    comparisons: Comparisons = Field(
        Comparisons(), description="Runs to test against each other: pairs, or its section."
    )
    similarities: list[Similarities] = Field(
        default_factory=list,
        description="Comparisons of item vectors without training, on the validation folds.",
    )
    searches: dict[Name, Search] = Field(
        default_factory=dict, description="Searches for parameters, on the validation folds."
    )
    positions: Positions = Positions()
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    max_usd: float | None = Field(
        None, ge=0, description="What all paid calls of the project may cost, ever; null: no limit."
    )
    services: Services = Services()
    report: Report = Report()
    strict: bool = Field(
        False,
        description="Runs whose needs are unmet stop the workflow before any job starts, one line "
        "each; otherwise their rows say why they are not run.",
    )

    @model_validator(mode="before")
    @classmethod
    def _filled_by_budget(cls, content: Any) -> Any:
        return with_budget(content) if isinstance(content, dict) else content

    @model_validator(mode="after")
    def _known_names(self) -> Config:
        check_displays("datasets", {name: d.display for name, d in self.datasets.items()})
        check_displays("runs", {name: run.display for name, run in self.runs.items()})
        for name, run in self.runs.items():
            where = f"runs.{name}"
            if name in ("train", "valid", "test", "embeddings"):
                raise ValueError(f"{where}: a run cannot have the name of a folder beside it")
            defined(run.embedding, self.embeddings, f"{where}.embedding")
            defined(run.reduction, self.reductions, f"{where}.reduction")
            run.check_reduction(self.reductions.get(run.reduction or ""), where)
            self._check_components(name, ())
            self._check_prompted(name)
            self._check_tuned(name)
        for name in self.reductions:
            if name.startswith(PUBLISHED_PREFIX):
                raise ValueError(
                    f"reductions.{name}: {PUBLISHED_PREFIX}* are those of published settings"
                )
        for number, experiment in enumerate(self.experiments):
            self._check_experiment(experiment, f"experiments[{number}]")
        for name in self.only:
            defined(name, dict.fromkeys(e.dataset for e in self.experiments), "only")
        for number, pair in enumerate(self.comparisons.pairs or []):
            for name in pair:
                defined(name, self.runs, f"comparisons[{number}]")
        self.comparisons.metric_at(self.cutoffs)
        for number, asked in enumerate(self.similarities):
            self._check_similarities(asked, f"similarities[{number}]")
            earlier = [(found.dataset, found.split) for found in self.similarities[:number]]
            if (asked.dataset, asked.split) in earlier:
                raise ValueError(
                    f"similarities[{number}]: {asked.dataset}, {asked.split} has an entry already;"
                    " put both into one"
                )
        for name, search in self.searches.items():
            self._check_search(search, f"searches.{name}")
        for name in self.positions.runs:
            defined(name, self.runs, "positions.runs")
        if max(self.cutoffs) > self.top_k:
            raise ValueError(f"cutoffs: {max(self.cutoffs)} is beyond top_k {self.top_k}")
        return self

    @property
    def chosen(self) -> list[Experiment]:
        """The experiments on the datasets that `only` names."""
        return [e for e in self.experiments if not self.only or e.dataset in self.only]

    def components_of(self, run: str) -> list[str]:
        """What a run combines; of a tuned one, all that its search may choose."""
        search = self.runs[run].search
        if search is None:
            return self.runs[run].components
        asked = self.searches[search]
        return asked.components(self.runs[asked.run].components)

    def sources_of(self, run: str) -> list[str]:
        """Runs that a run cannot do without."""
        return list(dict.fromkeys([*self.runs[run].sources, *self.components_of(run)]))

    def language_model_of(self, run: str) -> LanguageModelSettings:
        """The language model that a prompted run asks."""
        return self.language_models[self.runs[run].language_model or ""]

    def _check_components(self, name: str, above: tuple[str, ...]) -> None:
        """Refuse components that are not defined, have no model, or lead back to their run."""
        where = f"runs.{(*above, name)[0]}.components"
        if name in above:
            raise ValueError(f"{where}: a circle: {' -> '.join((*above, name))}")
        if len(above) > MOST_NESTED:  # each level may multiply the runs below it
            raise ValueError(f"{where}: combined runs nested more than {MOST_NESTED} deep")
        for component in self.runs[name].components:
            defined(component, self.runs, where)
            if MODELS[self.runs[component].model].recommender is None:
                kind = "prompted" if self.runs[component].prompted else "external"
                raise ValueError(f"{where}: {component} is {kind}: it has lists and no scores")
            self._check_components(component, (*above, name))

    def _check_similarities(self, asked: Similarities, where: str) -> None:
        defined(asked.dataset, self.datasets, f"{where}.dataset")
        defined(asked.split, self.datasets[asked.dataset].splits, f"{where}.split")
        for name in asked.embeddings:
            defined(name, self.embeddings, f"{where}.embeddings")
        for reduction in asked.reductions:
            defined(reduction, self.reductions, f"{where}.reductions")

    def _check_prompted(self, name: str) -> None:
        """Refuse a prompted run whose language model or other run is not there, or unfit for it."""
        run, where = self.runs[name], f"runs.{name}"
        if not run.prompted:
            return
        defined(run.language_model, self.language_models, f"{where}.language_model")
        settings = self.language_model_of(name)
        parameters: Any = run.checked_parameters
        if parameters.constrained and not settings.constrains:
            raise ValueError(
                f"{where}.parameters.decoding: constrained needs a model of this machine, and"
                f" {run.language_model} is of provider {settings.provider}"
            )
        if settings.only_names and not parameters.constrained:
            raise ValueError(
                f"{where}.language_model: {run.language_model} learns names only (loss: names),"
                " which needs parameters.decoding: constrained"
            )
        if not run.finetune and not settings.has_base:
            raise ValueError(f"{where}.finetune: {run.language_model} knows nothing before it")
        defined(parameters.named_run, self.runs, f"{where}.parameters.lists")
        if parameters.named_run and not MODELS[self.runs[parameters.named_run].model].recommender:
            raise ValueError(
                f"{where}.parameters.lists: {parameters.named_run} has no lists of training"
                " sessions: it is external or prompted itself"
            )
        self._check_borrowed(run, f"{where}.finetuned_by")

    def _check_borrowed(self, run: Run, where: str) -> None:
        """Refuse another run's model unless it has one, of the same language model."""
        if run.finetuned_by is None:
            return
        defined(run.finetuned_by, self.runs, where)
        owner = self.runs[run.finetuned_by]
        if not owner.tuned or owner.language_model != run.language_model:
            raise ValueError(f"{where}: {run.finetuned_by} fine-tunes no {run.language_model}")

    def _check_search(self, search: Search, where: str) -> None:
        defined(search.run, self.runs, f"{where}.run")
        defined(search.dataset, self.datasets, f"{where}.dataset")
        defined(search.split, self.datasets[search.dataset].splits, f"{where}.split")
        if self.runs[search.run].params_from == "tuned":
            raise ValueError(f"{where}.run: {search.run} is itself the result of a search")
        for name in search.components(self.runs[search.run].components):
            defined(name, self.runs, f"{where}.ranges.components")
            if self.runs[name].search or MODELS[self.runs[name].model].recommender is None:
                raise ValueError(
                    f"{where}.ranges.components: {name} is the result of a search, or has no scores"
                )

    def _check_tuned(self, name: str) -> None:
        """Refuse a run that takes the result of a search of another model or experiment."""
        run, where = self.runs[name], f"runs.{name}.search"
        if run.search is None:
            return
        defined(run.search, self.searches, where)
        search = self.searches[run.search]
        defined(search.run, self.runs, f"searches.{run.search}.run")
        if self.runs[search.run].model != run.model:
            raise ValueError(f"{where}: {run.search} searches {self.runs[search.run].model}")
        for experiment in self.experiments:
            there = (experiment.dataset, experiment.split) == (search.dataset, search.split)
            if name in experiment.runs and (not there or experiment.parts != ["full"]):
                raise ValueError(
                    f"{where}: {run.search} is of {search.dataset}, {search.split}; the run can"
                    " be there only, and of part full"
                )

    def _check_experiment(self, experiment: Experiment, where: str) -> None:
        defined(experiment.dataset, self.datasets, f"{where}.dataset")
        splits = self.datasets[experiment.dataset].splits
        defined(experiment.split, splits, f"{where}.split")
        for run in experiment.runs:
            defined(run, self.runs, f"{where}.runs")
        known = parts_of(splits[experiment.split])
        for part in experiment.parts:
            defined(part, known, f"{where}.parts")
        for run in experiment.runs:
            if MODELS[self.runs[run].model].external and experiment.parts != ["full"]:
                raise ValueError(f"{where}.parts: {run} is external and can only be of full")


def parts_of(split: Temporal | LeaveOneOut) -> list[str]:
    """What runs can be fitted on: `full`, and the folds of a temporal split."""
    folds = split.folds if isinstance(split, Temporal) else 0
    return [*(f"fold{number}" for number in range(1, folds + 1)), "full"]


def parse_split(content: dict[str, Any]) -> Temporal | LeaveOneOut:
    """A split from its configuration."""
    split: Temporal | LeaveOneOut = TypeAdapter(Split).validate_python(content)
    return split


def parse_config(content: dict[str, Any], source: str = "config") -> Config:
    """Check a configuration.

    Raises:
        InputError: naming the first offending key.
    """
    check_tree(content, source)
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{source}: {first_problem(error)}") from None


def read_config(path: Path) -> Config:
    """Read and check a YAML file.

    Raises:
        InputError: the file is absent, is no YAML, or breaks the schema.
    """
    return parse_config(read_yaml(path), str(path))
