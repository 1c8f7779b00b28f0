from pathlib import Path

from llmseqrec.jobs import job
from llmseqrec.reporting.leaderboard import read_leaderboard
from llmseqrec.reporting.plots.reductions import by_reduction, reductions_figure
from llmseqrec.reporting.style import save_drawing
from llmseqrec.summary import label_of

with job(snakemake.log[0]):
    params, wildcards, files = snakemake.params, snakemake.wildcards, snakemake.input
    label = label_of(params.dataset, wildcards.split, files.statistics, params.seeds)
    data = by_reduction(read_leaderboard(files.table), params.groups)
    save_drawing(reductions_figure(data, label), data, Path(snakemake.output[0]).with_suffix(""))
