import os
import sys
from pathlib import Path

# The one place where the library is put on the path: scripts inherit it.
sys.path.insert(0, str(Path(workflow.basedir) / "src"))

from snakemake.exceptions import WorkflowError

from llmseqrec.config import parse_config, parts_of
from llmseqrec.errors import InputError
from llmseqrec.provenance import code_fingerprint
from llmseqrec.registry import EMBEDDING_PROVIDERS, MODELS, RAW_FORMATS, REDUCERS
from llmseqrec.resolve import dataset_need, external_path, read_published, resolve_run, run_need
from llmseqrec.stale_locks import remove_stale_locks

if workflow.is_main_process:
    ALIVE = remove_stale_locks(Path(".snakemake"))

BASE = Path(workflow.basedir)
PUBLISHED = BASE / "config" / "published"


def one_of(names):
    """A wildcard constraint that allows these names only."""
    return "|".join(sorted(names)) or "(?!)"


def unmet_needs():
    """Reason of each (dataset, split, run) that cannot be done on this machine."""
    reasons = {}
    for experiment in CONFIG.chosen:
        missing = dataset_need(experiment.dataset, CONFIG.datasets[experiment.dataset])
        for run in experiment.runs:
            reason = missing or run_need(CONFIG, experiment.dataset, run, experiment.split)
            if reason:
                reasons[experiment.dataset, experiment.split, run] = reason
    if reasons and CONFIG.strict:
        (dataset, split, run), reason = next(iter(reasons.items()))
        raise InputError(f"strict: {run} on {dataset}, {split} cannot run: {reason}")
    return reasons


try:
    CONFIG = parse_config(config)
    NOT_RUN = unmet_needs()
    RESOLVED = {
        (experiment.dataset, run): resolve_run(CONFIG, experiment.dataset, run, PUBLISHED)
        for experiment in CONFIG.chosen
        for run in experiment.runs
    }
except InputError as problem:
    raise WorkflowError(str(problem))

SAMPLES = {name for name, dataset in CONFIG.datasets.items() if dataset.sample}
EXTERNAL = {name for name, run in CONFIG.runs.items() if MODELS[run.model].recommender is None}
TRAINED = set(CONFIG.runs) - EXTERNAL


wildcard_constraints:
    dataset=one_of(CONFIG.datasets),
    split=r"[a-z0-9_]+",
    part=r"full|fold\d+",
    run=one_of(CONFIG.runs),
    seed=r"\d+",
    subset="train|valid|test",
    prompts="train|valid|test",
    embedding=one_of(CONFIG.embeddings),
    reduction=one_of(CONFIG.reductions),


def script_of(rule_name):
    return BASE / "workflow" / "scripts" / f"{rule_name}.py"


def raw_files(wildcards):
    """Path of each raw file of a dataset, by role."""
    dataset = CONFIG.datasets[wildcards.dataset]
    folder = dataset.raw_dir or Path("resources") / wildcards.dataset
    return {role: str(folder / raw.name) for role, raw in dataset.raw.items()}


def raw_file(wildcards):
    """The configuration of one raw file, by its name."""
    files = CONFIG.datasets[wildcards.dataset].raw.values()
    return next(raw for raw in files if raw.name == wildcards.file)


def dataset_params(wildcards):
    """What of a dataset's configuration decides its prepared tables."""
    outside = {"splits", "published", "template", "raw_dir", "private"}
    return CONFIG.datasets[wildcards.dataset].model_dump(mode="json", exclude=outside)


def split_params(wildcards):
    return CONFIG.datasets[wildcards.dataset].splits[wildcards.split].model_dump(mode="json")


def membership_file(wildcards):
    """The file of a published test set, if the split names one."""
    path = split_params(wildcards).get("test_sessions")
    return [path] if path else []


def embedding_params(wildcards):
    """The configuration of an embedding, with the template that applies to the dataset."""
    embedding = CONFIG.embeddings[wildcards.embedding]
    template = embedding.template or CONFIG.datasets[wildcards.dataset].template
    return embedding.model_dump(mode="json") | {"template": template}


def run_params(wildcards):
    return RESOLVED[wildcards.dataset, wildcards.run].model_dump(mode="json")


def run_code(rule_name):
    """Fingerprint of a rule's script and of the classes the run selects."""

    def code(wildcards):
        run = RESOLVED[wildcards.dataset, wildcards.run]
        modules = [MODELS[run.model].recommender or "llmseqrec.evaluation.external"]
        if run.embedding:
            modules.append(EMBEDDING_PROVIDERS[run.embedding.provider])
        return code_fingerprint(script_of(rule_name), modules)

    return code


def run_inputs(wildcards):
    """Files a run reads to be fitted or to recommend."""
    files = {
        "catalogue": f"results/{wildcards.dataset}/items.parquet",
        "train": f"results/{wildcards.dataset}/{wildcards.split}/{part_of(wildcards)}/train",
    }
    run = CONFIG.runs[wildcards.run]
    if run.embedding:
        stem = f"results/{wildcards.dataset}/embeddings/{run.embedding}"
        files["vectors"] = f"{stem}.{run.reduction}.npy" if run.reduction else f"{stem}.npy"
        if run.reduction:
            files["reduction"] = f"{stem}.{run.reduction}.safetensors"
    split = CONFIG.datasets[wildcards.dataset].splits[wildcards.split]
    if split.protocol == "leave_one_out":
        files["valid"] = f"results/{wildcards.dataset}/{wildcards.split}/full/valid"
    return files


def part_of(wildcards):
    return getattr(wildcards, "part", "full")


def gpu_of(wildcards):
    """One GPU for a neural model unless the configuration keeps to the processor."""
    run = CONFIG.runs[wildcards.run]
    return int(MODELS[run.model].neural and CONFIG.device in ("auto", "cuda"))


def seeds_of(dataset, run):
    """All seeds of a run that uses chance, the first one of any other."""
    return CONFIG.seeds if RESOLVED[dataset, run].stochastic else CONFIG.seeds[:1]


def seed_folders(dataset, split, run, part="full"):
    folder = f"results/{dataset}/{split}/{part}/{run}"
    return [f"{folder}/seed{seed}" for seed in seeds_of(dataset, run)]


def experiments(part="full"):
    """(dataset, split) of every experiment that is fitted on a part, each once."""
    found = [(e.dataset, e.split) for e in CONFIG.chosen if part in e.parts]
    return list(dict.fromkeys(found))


def runs_of(dataset, split, part="full"):
    """Runs of an experiment that can be done, in the order of the configuration."""
    named = [
        run
        for e in CONFIG.chosen
        if (e.dataset, e.split) == (dataset, split) and part in e.parts
        for run in e.runs
    ]
    return [run for run in dict.fromkeys(named) if (dataset, split, run) not in NOT_RUN]


def not_run(wildcards):
    """Reason of each run of an experiment that cannot be done, by run name."""
    key = (wildcards.dataset, wildcards.split)
    return {run: why for (*where, run), why in NOT_RUN.items() if tuple(where) == key}


def done_experiments():
    """Experiments of which at least one run can be done."""
    return [(dataset, split) for dataset, split in experiments() if runs_of(dataset, split)]


def has_ties(dataset):
    """Whether a dataset has times, hence interactions with one time stamp."""
    columns = CONFIG.datasets[dataset].columns
    return columns is None or columns.timestamp is not None


def tie_runs(dataset, split):
    """Runs whose sensitivity to the order of ties is measured."""
    if not CONFIG.tie_shuffles or not has_ties(dataset):
        return []
    return [run for run in runs_of(dataset, split) if run in TRAINED]


def comparisons_of(dataset, split):
    """The configured pairs of runs of which both are done."""
    runs = runs_of(dataset, split)
    return [list(pair) for pair in CONFIG.comparisons if all(run in runs for run in pair)]


def fold_metrics():
    """Validation metrics of every run that is fitted on a fold."""
    parts = {part for e in CONFIG.chosen for part in e.parts if part != "full"}
    return [
        f"{folder}/metrics.valid.json"
        for part in sorted(parts)
        for dataset, split in experiments(part)
        for run in runs_of(dataset, split, part)
        for folder in seed_folders(dataset, split, run, part)
    ]


def tie_files(wildcards):
    """The tie study of each run that has one."""
    dataset, split = wildcards.dataset, wildcards.split
    return {
        run: f"results/{dataset}/{split}/full/{run}/tie_sensitivity.json"
        for run in tie_runs(dataset, split)
    }


def published_of(dataset):
    """The published optima and table that belong to a dataset, or nothing."""
    name = CONFIG.datasets[dataset].published
    return read_published(PUBLISHED, name) if name else {"table": None, "runs": {}}


def published_table(wildcards):
    """The published table of a dataset, where its numbers are of the same protocol."""
    dataset = CONFIG.datasets[wildcards.dataset]
    split = dataset.splits[wildcards.split]
    table = published_of(wildcards.dataset)["table"]
    if table is None or split.protocol != "temporal":
        return None
    return str(PUBLISHED / table)


def leaderboard_runs(wildcards):
    """What the leaderboard needs of each run of an experiment."""
    dataset, split = wildcards.dataset, wildcards.split
    ties, reasons = tie_files(wildcards), not_run(wildcards)
    published = published_of(dataset)["runs"]
    named = [
        run
        for experiment in CONFIG.chosen
        if (experiment.dataset, experiment.split) == (dataset, split)
        for run in experiment.runs
    ]
    rows = {}
    for name in dict.fromkeys(named):
        run = CONFIG.runs[name]
        same = published.get(run.published_as or name, {})
        rows[name] = {"display": run.display, "row": run.table_row or same.get("table_row")}
        if name in reasons:
            rows[name]["reason"] = reasons[name]
        else:
            rows[name]["folders"] = seed_folders(dataset, split, name)
            rows[name]["ties"] = ties.get(name)
    return rows


def label_params(wildcards):
    dataset = CONFIG.datasets[wildcards.dataset]
    return {"display": dataset.display, "synthetic": dataset.sample is not None}


def statistics_splits():
    """Display name, p-core and split of each statistics file, in its order."""
    rows = []
    for name, split in done_experiments():
        dataset = CONFIG.datasets[name]
        core = dataset.core.minimum if dataset.core.mode != "none" else None
        synthetic = " (synthetic data)" if dataset.sample else ""
        rows.append({"dataset": dataset.display + synthetic, "p_core": core, "split": split})
    return rows


def missing_datasets():
    """Display name and reason of each dataset that cannot be had here."""
    found = {}
    for experiment in CONFIG.chosen:
        dataset = CONFIG.datasets[experiment.dataset]
        reason = dataset_need(experiment.dataset, dataset)
        if reason:
            found[dataset.display] = reason
    return found


def table_files():
    files = [
        f"results/tables/leaderboard.{dataset}.{split}.html" for dataset, split in done_experiments()
    ]
    files += [
        f"results/tables/comparison.{dataset}.{split}.html"
        for dataset, split in done_experiments()
        if comparisons_of(dataset, split)
    ]
    return files + ["results/tables/datasets.html"]


def figure_files():
    return [
        f"results/figures/{name}.{dataset}.{split}.png"
        for dataset, split in done_experiments()
        for name in ("accuracy", "popularity")
    ]
