from pathlib import Path

from llmseqrec.jobs import job
from llmseqrec.reporting.searches import SEARCHES_LAYOUT, read_best, searches_table
from llmseqrec.reporting.tables import write_tables

with job(snakemake.log[0]):
    titles = snakemake.params.titles.values()
    found = [read_best(Path(path)) for path in snakemake.input]
    frame = searches_table(dict(zip(titles, found, strict=True)))
    write_tables(frame, SEARCHES_LAYOUT, Path(snakemake.output[0]).with_suffix(""))
