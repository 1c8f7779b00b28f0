from pathlib import Path

from llmseqrec.jobs import job
from llmseqrec.report import write_report

with job(snakemake.log[0]):
    params, files = snakemake.params, [*snakemake.input.drawn, *snakemake.input.costs]
    settings = {"sessions": params.sessions, "seeds": params.seeds}
    target = Path(snakemake.output[0])
    write_report(params.experiments, files, params.captions, settings, target)
