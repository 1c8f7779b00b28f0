from pathlib import Path

from llmseqrec.jobs import job
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles, recommend_run, write_recommendations

with job(snakemake.log[0]):
    params = snakemake.params
    table = recommend_run(
        ResolvedRun.model_validate(params.run),
        RunFiles.of(snakemake.input),
        Identity(int(snakemake.wildcards.seed), params.device, params.code),
        Path(snakemake.input.prompts),
        params.top_k,
    )
    write_recommendations(table, Path(snakemake.output[0]))
