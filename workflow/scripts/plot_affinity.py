from pathlib import Path

from llmseqrec.figure_data import all_affinities
from llmseqrec.jobs import job
from llmseqrec.reporting.plots.affinity import affinity_figure
from llmseqrec.reporting.style import save_drawing
from llmseqrec.summary import label_of

with job(snakemake.log[0]):
    params, wildcards, files = snakemake.params, snakemake.wildcards, snakemake.input
    label = label_of(params.dataset, wildcards.split, files.statistics, params.seeds)
    data = all_affinities(params.vectors, Path(files.prompts), Path(files.train))
    save_drawing(affinity_figure(data, label), data, Path(snakemake.output[0]).with_suffix(""))
