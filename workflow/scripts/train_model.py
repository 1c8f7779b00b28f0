from pathlib import Path

from llmseqrec.jobs import job
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles, train_run

with job(snakemake.log[0]):
    params = snakemake.params
    train_run(
        ResolvedRun.model_validate(params.run),
        RunFiles.of(snakemake.input),
        Identity(int(snakemake.wildcards.seed), params.device, params.code),
        Path(snakemake.output.facts).parent,
    )
