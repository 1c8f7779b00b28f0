from pathlib import Path

from llmseqrec.jobs import job
from llmseqrec.prompting import TaskFiles, open_task, write_questions
from llmseqrec.resolve import ResolvedRun

with job(snakemake.log[0]):
    run = ResolvedRun.model_validate(snakemake.params.run)
    task = open_task(run, TaskFiles.of(snakemake.input), int(snakemake.wildcards.seed))
    write_questions(task, Path(snakemake.input.prompts), Path(snakemake.output[0]))
