from pathlib import Path

from llmseqrec.jobs import job
from llmseqrec.reporting.figures import accuracy_figure
from llmseqrec.reporting.leaderboard import read_leaderboard
from llmseqrec.reporting.style import save_figure
from llmseqrec.summary import label_of

with job(snakemake.log[0]):
    params, wildcards = snakemake.params, snakemake.wildcards
    label = label_of(params.dataset, wildcards.split, snakemake.input.statistics, params.seeds)
    frame = read_leaderboard(snakemake.input.table)
    save_figure(accuracy_figure(frame, label), Path(snakemake.output.pdf).with_suffix(""))
