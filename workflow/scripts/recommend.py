from pathlib import Path

from llmseqrec.contracts import RECOMMENDATIONS, write_table
from llmseqrec.jobs import job
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles, recommend_run

with job(snakemake.log[0]):
    params = snakemake.params
    table = recommend_run(
        ResolvedRun.model_validate(params.run),
        RunFiles.of(snakemake.input),
        Identity(int(snakemake.wildcards.seed), params.device, params.code),
        Path(snakemake.input.prompts),
        params.top_k,
    )
    write_table(table, Path(snakemake.output[0]), RECOMMENDATIONS)
