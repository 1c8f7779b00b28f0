from pathlib import Path

from llmseqrec.jobs import job
from llmseqrec.reporting.tables import write_tables
from llmseqrec.study import study_table

with job(snakemake.log[0]):
    frame, layout = study_table(snakemake.params.kind, snakemake.params.task)
    write_tables(frame, layout, Path(snakemake.output.csv).with_suffix(""))
