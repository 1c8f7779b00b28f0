from pathlib import Path

from llmseqrec.figure_data import histories
from llmseqrec.jobs import job
from llmseqrec.reporting.plots.training import training_figure
from llmseqrec.reporting.style import save_drawing
from llmseqrec.summary import label_of

with job(snakemake.log[0]):
    params, wildcards = snakemake.params, snakemake.wildcards
    label = label_of(params.dataset, wildcards.split, snakemake.input.statistics, params.seeds)
    data = histories(params.folders)
    stem = Path(snakemake.output[0]).with_suffix("")
    save_drawing(training_figure(data, label), data, stem)
