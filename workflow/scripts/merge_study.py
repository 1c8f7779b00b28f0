from pathlib import Path

from llmseqrec.jobs import job
from llmseqrec.tuning.merge import merge_search
from llmseqrec.tuning.worker import Task

with job(snakemake.log[0]):
    params = snakemake.params
    merge_search(
        {variant: Path(path) for variant, path in params.workers.items()},
        {variant: Task.of(content) for variant, content in params.tasks.items()},
        {"published": params.published, "left_out": params.left_out},
        Path(snakemake.output.best).parent,
    )
