from pathlib import Path

from llmseqrec.contracts import write_json
from llmseqrec.jobs import job
from llmseqrec.runs import Identity
from llmseqrec.tuning.worker import Task, search_run

with job(snakemake.log[0]):
    files, params = snakemake.input, snakemake.params
    task = Task.of(params.task)
    folds = task.folds(files.fold_train, files.fold_prompts, files.get("fold_components", []))
    identity = Identity(task.search.seed, params.device, params.code)
    found = search_run(task, Path(files.catalogue), folds, identity)
    write_json(found, Path(snakemake.output[0]))
