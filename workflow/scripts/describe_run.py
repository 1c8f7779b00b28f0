from pathlib import Path

from llmseqrec.contracts import write_json
from llmseqrec.generations import prompted_facts
from llmseqrec.jobs import job
from llmseqrec.prompting import TaskFiles
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity

with job(snakemake.log[0]):
    params = snakemake.params
    run, files = ResolvedRun.model_validate(params.run), TaskFiles.of(snakemake.input)
    identity = Identity(int(snakemake.wildcards.seed), code=params.code)
    write_json(prompted_facts(run, files, identity), Path(snakemake.output[0]))
