from pathlib import Path

from llmseqrec.contracts import write_json
from llmseqrec.jobs import job
from llmseqrec.runs import Identity
from llmseqrec.tuning.worker import Task, search_run

with job(snakemake.log[0]):
    files, params = snakemake.input, snakemake.params
    folds = list(zip(map(Path, files.fold_train), map(Path, files.fold_prompts), strict=True))
    task = Task.of(params.task)
    identity = Identity(task.search.seed, params.device, params.code)
    found = search_run(task, Path(files.catalogue), folds, identity)
    write_json(found, Path(snakemake.output[0]))
