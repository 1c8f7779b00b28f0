"""What the workflow has to do: which runs, from which files, into which tables.

The rules ask this plan; `wildcards` is an object with the wildcards of a job as attributes. Light
to import: it is made while the Snakefile is parsed.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from llmseqrec.config import Config, LeaveOneOut, RawFile, Reduction
from llmseqrec.errors import InputError
from llmseqrec.llm.tasks import TASKS
from llmseqrec.plan_combinations import Combinations, with_components
from llmseqrec.plan_comparisons import pairs_of
from llmseqrec.plan_figures import FigurePlan
from llmseqrec.plan_search import SearchPlan
from llmseqrec.plan_search_vectors import vector_files
from llmseqrec.plan_similarities import SimilarityPlan
from llmseqrec.plan_study import StudyPlan
from llmseqrec.plan_tables import files_of_tables
from llmseqrec.provenance import code_fingerprint
from llmseqrec.registry import (
    EMBEDDING_PROVIDERS,
    LLM_PROVIDERS,
    MODELS,
    REDUCERS,
    UPLOADING,
)
from llmseqrec.resolve import (
    ResolvedRun,
    dataset_need,
    external_path,
    read_published,
    reduction_name,
    resolve_run,
    run_need,
)
from llmseqrec.shown_paths import without_folders

EXTERNAL_CODE = "llmseqrec.imported"
PROMPT_OBJECTIVE = "llmseqrec.tuning.prompt_objective"
# What of a dataset's configuration does not decide its prepared tables.
BESIDE_TABLES = {
    "display",
    "splits",
    "published",
    "borrows",
    "template",
    "raw_dir",
    "private",
    "allow_upload",
}


class ResolvedRuns(dict[tuple[str, str], ResolvedRun]):
    """Runs of experiments and what they need; a file of any other cannot be asked for."""

    def __missing__(self, pair: tuple[str, str]) -> ResolvedRun:
        """Tell that nobody asked for the run.

        Raises:
            InputError: always.
        """
        dataset, run = pair
        raise InputError(f"experiments: none on {dataset} has the run {run}; add it to one")


class Plan:
    """The jobs of a configuration.

    Args:
        config: the configuration.
        base: the folder of the Snakefile.

    Attributes:
        not_run: reason of each (dataset, split, run) that cannot be done on this machine.
        resolved: (dataset, run) to its resolved configuration.

    Raises:
        InputError: a run cannot be resolved; or the configuration is strict and runs cannot be
            done, one line each.
    """

    def __init__(self, config: Config, base: Path) -> None:
        self.config = config
        self.base = base
        self._codes: dict[tuple[str, ...], str] = {}
        self.published = base / "config" / "published"
        for dataset in {e.dataset for e in config.chosen}:
            self.published_of(dataset)  # refused now, not when a table is built
        pairs = dict.fromkeys((e.dataset, run) for e in config.chosen for run in e.runs)
        self.resolved = ResolvedRuns(
            (pair, resolve_run(config, *pair, self.published))
            for pair in with_components(config, pairs)
        )
        self.searches = SearchPlan(config, base)
        self.resolved |= self.searches.components
        self.combinations = Combinations(config, self.resolved)
        self.similarities = SimilarityPlan(config)
        self.not_run = self._unmet_needs()
        self.study = StudyPlan(self)

    def _unmet_needs(self) -> dict[tuple[str, str, str], str]:
        reasons = {}
        for e in self.config.chosen:
            missing = dataset_need(e.dataset, self.config.datasets[e.dataset])
            for run in e.runs:
                reason = missing or run_need(self.config, self.resolved, (e.dataset, e.split, run))
                search = self.config.runs[run].search
                if reason is None and search:
                    reason = self.searches.need(search)
                if reason:
                    reasons[e.dataset, e.split, run] = reason
        if reasons and self.config.strict:
            lines = [
                f"strict: {run} on {dataset}, {split} cannot run: {reason}"
                for (dataset, split, run), reason in reasons.items()
            ]
            raise InputError("\n".join(lines))
        return reasons

    # Names

    @property
    def samples(self) -> set[str]:
        """Datasets that are generated."""
        return {name for name, dataset in self.config.datasets.items() if dataset.sample}

    @property
    def external(self) -> set[str]:
        """Runs whose lists come from a file."""
        runs = self.config.runs
        return {name for name, run in runs.items() if MODELS[run.model].external}

    @property
    def fitted(self) -> set[str]:
        """Runs that are trained to recommend: their lists come from a model of ours."""
        runs = self.config.runs
        return {name for name, run in runs.items() if MODELS[run.model].recommender}

    def experiments(self, part: str = "full") -> list[tuple[str, str]]:
        """(dataset, split) of every experiment that is fitted on a part, each once."""
        found = [(e.dataset, e.split) for e in self.config.chosen if part in e.parts]
        return list(dict.fromkeys(found))

    def folds_of(self, dataset: str, split: str) -> list[str]:
        """Folds on which at least one run of an experiment is fitted that can be done."""
        pair = (dataset, split)
        named = {
            part for e in self.config.chosen if (e.dataset, e.split) == pair for part in e.parts
        }
        return [part for part in sorted(named - {"full"}) if self.runs_of(*pair, part)]

    def named_runs(self, dataset: str, split: str, part: str = "full") -> list[str]:
        """Runs of an experiment, in the order of the configuration."""
        named = (
            run
            for e in self.config.chosen
            if (e.dataset, e.split) == (dataset, split) and part in e.parts
            for run in e.runs
        )
        return list(dict.fromkeys(named))

    def runs_of(self, dataset: str, split: str, part: str = "full") -> list[str]:
        """Runs of an experiment that can be done."""
        named = self.named_runs(dataset, split, part)
        return [run for run in named if (dataset, split, run) not in self.not_run]

    def prompted_of(self, dataset: str, split: str) -> list[str]:
        """Runs of an experiment that ask a language model and can be done."""
        return [run for run in self.runs_of(dataset, split) if self.config.runs[run].prompted]

    def done_experiments(self) -> list[tuple[str, str]]:
        """Experiments of which at least one run can be done."""
        return [pair for pair in self.experiments() if self.runs_of(*pair)]

    def tie_runs(self, dataset: str, split: str) -> list[str]:
        """Runs whose sensitivity to the order of ties is measured.

        Under leave-one-out another order moves items between training and test, so a run has to
        be fitted anew; neural ones are left out there.
        """
        data = self.config.datasets[dataset]
        has_times = data.columns is None or data.columns.timestamp is not None
        if not self.config.tie_shuffles or not has_times:
            return []
        apart, fitted = isinstance(data.splits[split], LeaveOneOut), self.fitted
        return [
            run
            for run in self.runs_of(dataset, split)
            if run in fitted and not (apart and self.resolved[dataset, run].neural)
        ]

    def comparisons_of(self, dataset: str, split: str) -> list[list[str]]:
        """Pairs of runs to test against each other, of which both are done."""
        runs = self.runs_of(dataset, split)
        beside = [run for run in runs if self.published_row(dataset, run)]
        return pairs_of(self.config, runs, beside)

    def published_row(self, dataset: str, run: str) -> str | None:
        """The row of the published table that a run stands beside.

        On other vectors than the study's a run stands beside none unless told to; those of a tuned
        run are what its search may choose.
        """
        settings = self.config.runs[run]
        same = self.published_of(dataset)["runs"].get(run, {})
        on_vectors = settings.embedding is not None
        if settings.search is not None:
            on_vectors = self.searches.may_have_vectors(settings.search)
        implied: str | None = None if on_vectors else same.get("table_row")
        return settings.table_row or implied

    def seeds_of(self, dataset: str, run: str) -> list[int]:
        """All seeds of a run that uses chance, the first one of any other."""
        seeds = self.config.seeds
        return seeds if self.resolved[dataset, run].stochastic else seeds[:1]

    def one_seed_runs(self, wildcards: Any) -> list[str]:
        """Runs of an experiment that use chance and have one seed alone."""
        dataset, alone = wildcards.dataset, len(self.config.seeds) == 1
        runs = self.runs_of(dataset, wildcards.split) if alone else []
        return [run for run in runs if self.resolved[dataset, run].stochastic]

    @cached_property
    def reductions(self) -> dict[str, Reduction]:
        """Every reduction by its name in file names: configured ones, and those published."""
        found = dict(self.config.reductions)
        for (_, run), resolved in self.resolved.items():
            name = reduction_name(self.config.runs[run], resolved.reduction)
            if name and resolved.reduction:
                found[name] = resolved.reduction
        return found

    def reductions_on(self, fit_on: str) -> list[str]:
        """Names of the reductions that are fitted on `catalogue` or on `training` items."""
        return [name for name, found in self.reductions.items() if found.fit_on == fit_on]

    # Files

    def seed_folders(self, dataset: str, split: str, run: str, part: str = "full") -> list[str]:
        """The result folders of a run."""
        folder = f"results/{dataset}/{split}/{part}/{run}"
        return [f"{folder}/seed{seed}" for seed in self.seeds_of(dataset, run)]

    def first_model(self, wildcards: Any) -> str:
        """The model of a run's first seed."""
        folders = self.seed_folders(wildcards.dataset, wildcards.split, wildcards.run)
        return f"{folders[0]}/model/model.safetensors"

    def metric_files(self, wildcards: Any) -> list[str]:
        """Test metrics and per-session values of every run of an experiment that can be done.

        With them, what was paid for the item vectors.
        """
        pair = (wildcards.dataset, wildcards.split)
        paid = [self.paid_facts(pair[0], run) for run in self.runs_of(*pair)]
        return [*filter(None, dict.fromkeys(paid))] + [
            f"{folder}/{name}"
            for run in self.runs_of(*pair)
            for folder in self.seed_folders(*pair, run)
            for name in ("metrics.test.json", "per_session.test.parquet")
        ]

    def paid_facts(self, dataset: str, run: str) -> str | None:
        """The facts beside the vectors of a run, where somebody was paid for them."""
        name = self.config.runs[run].embedding
        if name is None or self.config.embeddings[name].provider not in UPLOADING:
            return None
        return f"results/{dataset}/embeddings/{name}.json"

    def paid_answers(self, dataset: str, split: str, run: str) -> str | None:
        """The facts beside the answers of a run's first seed, where somebody was paid for them."""
        model = self.resolved[dataset, run].language_model
        if model is None or model.provider not in UPLOADING:
            return None
        return f"{self.seed_folders(dataset, split, run)[0]}/answers.test.json"

    def tie_files(self, wildcards: Any) -> dict[str, str]:
        """The tie study of each run that has one."""
        dataset, split = wildcards.dataset, wildcards.split
        return {
            run: f"results/{dataset}/{split}/full/{run}/tie_sensitivity.json"
            for run in self.tie_runs(dataset, split)
        }

    def fold_folders(self, wildcards: Any) -> dict[str, dict[str, list[str]]]:
        """Seed folders of the runs of an experiment that are fitted on folds, by display name."""
        pair = (wildcards.dataset, wildcards.split)
        found: dict[str, dict[str, list[str]]] = {}
        for part in self.folds_of(*pair):
            for run in self.runs_of(*pair, part):
                display = self.config.runs[run].display
                found.setdefault(display, {})[part] = self.seed_folders(*pair, run, part)
        return found

    def fold_metric_files(self, wildcards: Any) -> list[str]:
        """Validation metrics of those runs."""
        return [
            f"{folder}/metrics.valid.json"
            for folds in self.fold_folders(wildcards).values()
            for folders in folds.values()
            for folder in folders
        ]

    def raw_files(self, wildcards: Any) -> dict[str, str]:
        """Path of each raw file of a dataset, by "raw_" and its role.

        The prefix is there because Snakemake keeps names such as `items` for itself.
        """
        dataset = self.config.datasets[wildcards.dataset]
        folder = dataset.raw_dir or Path("resources") / wildcards.dataset
        return {f"raw_{role}": str(folder / raw.name) for role, raw in dataset.raw.items()}

    def raw_file(self, wildcards: Any) -> RawFile:
        """The configuration of one raw file, by its name."""
        files = self.config.datasets[wildcards.dataset].raw.values()
        return next(raw for raw in files if raw.name == wildcards.file)

    def run_inputs(self, wildcards: Any) -> dict[str, Any]:
        """Files a run reads to be fitted or to recommend."""
        folder = f"results/{wildcards.dataset}"
        part = getattr(wildcards, "part", "full")
        files: dict[str, Any] = {
            "catalogue": f"{folder}/items.parquet",
            "preparation": f"{folder}/preparation.json",
            "train": f"{folder}/{wildcards.split}/{part}/train",
        }
        run = self.config.runs[wildcards.run]
        if run.search is not None:
            files["tuned"] = f"{self.searches.folder(run.search)}/best.yaml"
            # Which of them it is, best.yaml tells.
            files["candidates"] = vector_files(self.searches.candidates(run.search))
        if run.embedding:
            resolved = self.resolved[wildcards.dataset, wildcards.run]
            reduction = reduction_name(run, resolved.reduction)
            home = folder
            if resolved.reduction and resolved.reduction.fit_on == "training":
                home = f"{folder}/{wildcards.split}/{part}"
            stem = f"{home}/embeddings/{run.embedding}"
            files["vectors"] = f"{stem}.{reduction}.npy" if reduction else f"{stem}.npy"
            if reduction:
                files["reduction"] = f"{stem}.{reduction}.safetensors"
        split = self.config.datasets[wildcards.dataset].splits[wildcards.split]
        if isinstance(split, LeaveOneOut):
            files["valid"] = f"{folder}/{wildcards.split}/full/valid"
        return files | self.combinations.run_inputs(wildcards, part)

    def choice_inputs(self, wildcards: Any) -> dict[str, Any]:
        """Files of `choose_combination`."""
        return self.combinations.choice_inputs(wildcards, self.run_inputs(wildcards))

    def membership_file(self, wildcards: Any) -> list[str]:
        """The file of a published test set, if the split names one."""
        path = self.split_params(wildcards).get("test_sessions")
        return [path] if path else []

    def external_file(self, wildcards: Any) -> str:
        """The lists of an external run."""
        template = self.config.runs[wildcards.run].parameters["path"]
        return str(external_path(template, wildcards.dataset, wildcards.split))

    def statistics_file(self, wildcards: Any) -> str | list[str]:
        """Counts of a split, where its dataset can be had."""
        pair = (wildcards.dataset, wildcards.split)
        return f"results/{'/'.join(pair)}/statistics.json" if self.runs_of(*pair) else []

    def table_files(self) -> list[str]:
        """Every file of every table."""
        pairs = self.done_experiments()
        compared = [(d, s) for d, s in pairs if self.comparisons_of(d, s)]
        stems = [f"leaderboard.{d}.{s}" for d, s in self.experiments()]
        stems += [f"comparison.{d}.{s}" for d, s in compared]
        stems += [f"prompts.{d}.{s}" for d, s in pairs if self.prompted_of(d, s)]
        stems += [f"slices.{d}.{s}" for d, s in pairs]
        stems += ["datasets"] if pairs else []
        chosen = dict.fromkeys((e.dataset, e.split) for e in self.config.chosen)
        stems += [f"folds.{d}.{s}" for d, s in chosen if self.folds_of(d, s)]
        names = [f"leaderboard.{d}.{s}.txt" for d, s in self.experiments()]
        names += [f"statements.{d}.{s}.json" for d, s in compared]
        return (
            files_of_tables(stems)
            + [f"results/tables/{name}" for name in names]
            + self.similarities.tables
            + self.searches.tables
            + self.study.tables
        )

    def figure_files(self) -> list[str]:
        """Every file of every figure."""
        return FigurePlan(self).files + self.searches.figures

    # Parameters of jobs

    def dataset_params(self, wildcards: Any) -> dict[str, Any]:
        """What of a dataset's configuration decides its prepared tables."""
        dataset = self.config.datasets[wildcards.dataset]
        return dataset.model_dump(mode="json", exclude=BESIDE_TABLES)

    def split_params(self, wildcards: Any) -> dict[str, Any]:
        """The configuration of a split."""
        split = self.config.datasets[wildcards.dataset].splits[wildcards.split]
        return split.model_dump(mode="json")

    def embedding_params(self, wildcards: Any) -> dict[str, Any]:
        """The configuration of an embedding, with the template that applies to the dataset."""
        embedding = self.config.embeddings[wildcards.embedding]
        template = embedding.template or self.config.datasets[wildcards.dataset].template
        return embedding.model_dump(mode="json") | {"template": template}

    def run_params(self, wildcards: Any) -> dict[str, Any]:
        """The resolved configuration of a run."""
        return self.resolved[wildcards.dataset, wildcards.run].model_dump(mode="json")

    def gpu_of(self, wildcards: Any) -> int:
        """One GPU for a neural model unless the configuration keeps to the processor."""
        neural = self.resolved[wildcards.dataset, wildcards.run].neural
        return int(neural and self.config.device in ("auto", "cuda"))

    def embedding_gpu_of(self, wildcards: Any) -> int:
        """One GPU for a local encoder unless the configuration keeps to the processor."""
        elsewhere = self.config.embeddings[wildcards.embedding].provider in UPLOADING
        return int(not elsewhere and self.config.device in ("auto", "cuda"))

    def label_params(self, wildcards: Any) -> dict[str, Any]:
        """What tables and figures say of a dataset."""
        return self.label_of(wildcards.dataset, wildcards.split)

    def label_of(self, name: str, split: str) -> dict[str, Any]:
        """The same, by names."""
        dataset = self.config.datasets[name]
        return {
            "display": dataset.display,
            "synthetic": dataset.sample is not None,
            "protocol": dataset.splits[split].protocol,
        }

    def comparison_folders(self, wildcards: Any) -> dict[str, list[str]]:
        """Seed folders of the runs of an experiment that can be done."""
        pair = (wildcards.dataset, wildcards.split)
        return {run: self.seed_folders(*pair, run) for run in self.runs_of(*pair)}

    @property
    def statement_metric(self) -> str:
        """The metric that statements are made of."""
        return self.config.comparisons.metric_at(self.config.cutoffs)

    def published_of(self, dataset: str) -> dict[str, Any]:
        """The published optima and table that belong to a dataset, or nothing."""
        name = self.config.datasets[dataset].published
        return read_published(self.published, name) if name else {"table": None, "runs": {}}

    def published_table(self, wildcards: Any) -> str | None:
        """The published table of a dataset, where its numbers are of the same protocol."""
        table = self.published_table_of(wildcards.dataset, wildcards.split)
        return str(table) if table else None

    def published_table_of(self, dataset: str, split: str) -> Path | None:
        """The same, by names."""
        table = self.published_of(dataset)["table"]
        apart = isinstance(self.config.datasets[dataset].splits[split], LeaveOneOut)
        return None if table is None or apart else self.published / table

    def leaderboard_runs(self, wildcards: Any) -> dict[str, dict[str, Any]]:
        """What the leaderboard needs of each run of an experiment."""
        pair = (wildcards.dataset, wildcards.split)
        ties = self.tie_files(wildcards)
        rows: dict[str, dict[str, Any]] = {}
        for name in self.named_runs(*pair):
            row: dict[str, Any] = {"display": self.config.runs[name].display}
            row["row"] = self.published_row(pair[0], name)
            if (*pair, name) in self.not_run:
                row["reason"] = without_folders(self.not_run[(*pair, name)])
            else:
                row |= {"folders": self.seed_folders(*pair, name), "ties": ties.get(name)}
                row["paid"] = self.paid_facts(pair[0], name)
                row["asked"] = self.paid_answers(*pair, name)
            rows[name] = row
        return rows

    def statistics_splits(self) -> list[dict[str, Any]]:
        """Display name, p-core and split of each experiment that can be done."""
        rows = []
        for name, split in self.done_experiments():
            dataset = self.config.datasets[name]
            core = dataset.core.minimum if dataset.core.mode != "none" else None
            synthetic = " (synthetic data)" if dataset.sample else ""
            rows.append({"dataset": dataset.display + synthetic, "p_core": core, "split": split})
        return rows

    def missing_datasets(self) -> dict[str, str]:
        """Display name and reason of each dataset that cannot be had here."""
        datasets = self.config.datasets
        reasons = {
            e.dataset: dataset_need(e.dataset, datasets[e.dataset]) for e in self.config.chosen
        }
        return {datasets[name].display: reason for name, reason in reasons.items() if reason}

    # Code

    def script(self, rule: str) -> Path:
        """The script of a rule."""
        return self.base / "workflow" / "scripts" / f"{rule}.py"

    def code(self, rule: str, *modules: str) -> str:
        """Fingerprint of a rule's script and of further modules; found once: every job asks."""
        asked = (rule, *modules)
        if asked not in self._codes:
            self._codes[asked] = code_fingerprint(self.script(rule), modules)
        return self._codes[asked]

    def reduction_code(self, wildcards: Any) -> str:
        """Fingerprint of the script that reduces and of the steps of a reduction."""
        steps = self.reductions[wildcards.reduction].chain
        return self.code("reduce_embeddings", *(REDUCERS[step.method] for step in steps))

    def run_code(self, rule: str, wildcards: Any) -> str:
        """Fingerprint of a rule's script and of the classes a run selects."""
        run = self.resolved[wildcards.dataset, wildcards.run]
        modules = [MODELS[each.model].recommender or EXTERNAL_CODE for each in run.family]
        modules += [EMBEDDING_PROVIDERS[r.embedding.provider] for r in run.family if r.embedding]
        return self.code(rule, *modules)

    def search_code(self, wildcards: Any) -> str:
        """Fingerprint of the script that searches and of the recommender."""
        models = self.searches.models_of(wildcards.search)
        classes = [MODELS[model].recommender or "" for model in models]
        run = self.searches.run_of(wildcards.search)
        if run.language_model is not None:
            classes = [
                PROMPT_OBJECTIVE,
                TASKS[run.model],
                LLM_PROVIDERS[run.language_model.provider],
            ]
        return self.code("tune_model", *classes)
