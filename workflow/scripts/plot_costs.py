from pathlib import Path

from llmseqrec.jobs import job
from llmseqrec.measurements import measured_jobs
from llmseqrec.reporting.costs import build_costs
from llmseqrec.reporting.leaderboard import read_leaderboard
from llmseqrec.reporting.plots.costs import costs_against_accuracy, costs_figure
from llmseqrec.reporting.style import save_drawing
from llmseqrec.summary import label_of

with job(snakemake.log[0]):
    params, wildcards, files = snakemake.params, snakemake.wildcards, snakemake.input
    label = label_of(params.dataset, wildcards.split, files.statistics, params.seeds)
    planned = {name for row in params.rows for name in row.get("jobs", ())}
    jobs = measured_jobs(Path("logs/benchmark"), Path("results"), planned)
    costs = build_costs(jobs, params.rows)
    data = costs_against_accuracy(read_leaderboard(files.table), costs)
    save_drawing(costs_figure(data, label), data, Path(snakemake.output[0]).with_suffix(""))
