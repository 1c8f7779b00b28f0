from pathlib import Path

from llmseqrec.config import parse_config
from llmseqrec.contracts import write_json
from llmseqrec.jobs import job
from llmseqrec.runs import Identity
from llmseqrec.tuning.objective import Asker
from llmseqrec.tuning.worker import Task, search_run

with job(snakemake.log[0]):
    files, params = snakemake.input, snakemake.params
    task = Task.of(params.task | {"asked": params.asked})
    # The parameters lack what does not decide answers, such as how a model is fetched.
    asker = Asker.of(parse_config(snakemake.config), task.search)
    identity = Identity(task.search.seed, params.device, params.code)
    found = search_run(task, Path(files.catalogue), task.folds(files), identity, asker)
    write_json(found, Path(snakemake.output[0]))
