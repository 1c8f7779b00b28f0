from pathlib import Path

from llmseqrec.jobs import job
from llmseqrec.reporting.searches import choices_layout, choices_table, read_best
from llmseqrec.reporting.tables import write_tables

with job(snakemake.log[0]):
    best = read_best(Path(snakemake.input[0]))
    stem = Path(snakemake.output[0]).with_suffix("")
    write_tables(choices_table(best), choices_layout(best, snakemake.params.title), stem)
