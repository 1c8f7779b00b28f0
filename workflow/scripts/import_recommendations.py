from pathlib import Path

from llmseqrec.imported import import_run
from llmseqrec.jobs import job
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles

with job(snakemake.log[0]):
    import_run(
        ResolvedRun.model_validate(snakemake.params.run),
        Path(snakemake.input.lists),
        RunFiles.of(snakemake.input),
        Identity(int(snakemake.wildcards.seed), "cpu", snakemake.params.code),
        Path(snakemake.output.facts).parent,
    )
