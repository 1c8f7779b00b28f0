from pathlib import Path

from llmseqrec.config import parse_config
from llmseqrec.generations import open_provider
from llmseqrec.jobs import job
from llmseqrec.prompting import TaskFiles, open_task, write_training_prompts
from llmseqrec.resolve import ResolvedRun
from llmseqrec.uploads import Permission

with job(snakemake.log[0]):
    wildcards, config = snakemake.wildcards, parse_config(snakemake.config)
    run, seed = ResolvedRun.model_validate(snakemake.params.run), int(wildcards.seed)
    permission = Permission.of(config, wildcards.dataset)
    provider = open_provider(config.language_model_of(wildcards.run), "cpu", permission)
    write_training_prompts(
        open_task(run, TaskFiles.of(snakemake.input), seed),
        Path(snakemake.input.train),
        seed,
        provider.count_tokens(),
        Path(snakemake.output.training).parent,
    )
