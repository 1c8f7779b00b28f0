from pathlib import Path

from llmseqrec.contracts import COMPARISON, read_table
from llmseqrec.jobs import job
from llmseqrec.reporting.layouts import comparison_layout
from llmseqrec.reporting.tables import write_tables
from llmseqrec.summary import label_of

with job(snakemake.log[0]):
    params, wildcards = snakemake.params, snakemake.wildcards
    label = label_of(params.dataset, wildcards.split, snakemake.input.statistics, params.seeds)
    frame = read_table(snakemake.input.comparison, COMPARISON)
    frame = frame.replace({"run_a": params.displays, "run_b": params.displays})
    write_tables(frame, comparison_layout(label), Path(snakemake.output.csv).with_suffix(""))
