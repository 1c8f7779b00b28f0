from pathlib import Path

from llmseqrec.config import parse_config
from llmseqrec.contracts import ANSWERS, RECOMMENDATIONS, read_table, write_json, write_table
from llmseqrec.generations import open_nearest, resolve_generations
from llmseqrec.jobs import job
from llmseqrec.prompting import TaskFiles, asked_cases, open_task
from llmseqrec.resolve import ResolvedRun
from llmseqrec.uploads import Permission

with job(snakemake.log[0]):
    params, wildcards = snakemake.params, snakemake.wildcards
    run, files = ResolvedRun.model_validate(params.run), TaskFiles.of(snakemake.input)
    task = open_task(run, files, int(wildcards.seed))
    permission = Permission.of(parse_config(snakemake.config), wildcards.dataset)
    lists, names = resolve_generations(
        task,
        asked_cases(task, Path(snakemake.input.prompts)),
        read_table(snakemake.input.answers, ANSWERS),
        open_nearest(task, run, files, params.device, permission),
    )
    write_table(lists, Path(snakemake.output.lists), RECOMMENDATIONS)
    write_json(names, Path(snakemake.output.names))
