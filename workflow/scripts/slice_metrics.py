from pathlib import Path

from llmseqrec.contracts import SLICES, write_table
from llmseqrec.jobs import job
from llmseqrec.reporting.slices import slices_layout, slices_table
from llmseqrec.reporting.tables import write_tables
from llmseqrec.slices import slice_metrics
from llmseqrec.summary import label_of

with job(snakemake.log[0]):
    params, wildcards, files = snakemake.params, snakemake.wildcards, snakemake.input
    label = label_of(params.dataset, wildcards.split, files.statistics, params.seeds)
    slices = slice_metrics(params.folders, Path(files.prompts), Path(files.train))
    write_table(slices, snakemake.output.slices, SLICES)
    frame = slices_table(slices, params.displays)
    write_tables(frame, slices_layout(frame, label), Path(snakemake.output.csv).with_suffix(""))
