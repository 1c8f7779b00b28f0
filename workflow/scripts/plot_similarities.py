from pathlib import Path

from llmseqrec.jobs import job
from llmseqrec.reporting.plots.reductions import by_dimensions, dimensions_figure
from llmseqrec.reporting.style import save_drawing
from llmseqrec.reporting.tables import read_table_csv
from llmseqrec.summary import label_of

with job(snakemake.log[0]):
    params, wildcards, files = snakemake.params, snakemake.wildcards, snakemake.input
    label = label_of(params.dataset, wildcards.split, files.statistics, params.seeds)
    data = by_dimensions(read_table_csv(files.table), params.methods)
    save_drawing(dimensions_figure(data, label), data, Path(snakemake.output[0]).with_suffix(""))
