from pathlib import Path

from llmseqrec.combinations import choose_combination, fold_files
from llmseqrec.contracts import write_json
from llmseqrec.jobs import job
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles

with job(snakemake.log[0]):
    params = snakemake.params
    run = ResolvedRun.model_validate(params.run)
    parts = fold_files(RunFiles.of(snakemake.input), snakemake.input, len(run.components))
    identity = Identity(params.seed, params.device, params.code)
    write_json(choose_combination(run, parts, identity), Path(snakemake.output[0]))
