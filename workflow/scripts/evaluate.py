from pathlib import Path

from llmseqrec.evaluation.results import evaluate_run
from llmseqrec.jobs import job

with job(snakemake.log[0]):
    evaluate_run(
        Path(snakemake.input.recommendations),
        Path(snakemake.input.prompts),
        Path(snakemake.input.catalogue).parent,
        snakemake.params.cutoffs,
    )
