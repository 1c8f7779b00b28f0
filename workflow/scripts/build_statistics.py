from pathlib import Path

from llmseqrec.contracts import read_json
from llmseqrec.jobs import job
from llmseqrec.reporting.layouts import statistics_layout, statistics_table
from llmseqrec.reporting.tables import write_tables

with job(snakemake.log[0]):
    rows = [
        read_json(path) | names
        for path, names in zip(snakemake.input, snakemake.params.splits, strict=True)
    ]
    frame = statistics_table(rows)
    layout = statistics_layout(frame, snakemake.params.missing)
    write_tables(frame, layout, Path(snakemake.output.csv).with_suffix(""))
