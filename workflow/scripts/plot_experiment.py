from pathlib import Path

from llmseqrec.figure_data import length_rates, part_distributions, popularity_rates, session_hits
from llmseqrec.jobs import job
from llmseqrec.reporting.leaderboard import read_leaderboard
from llmseqrec.reporting.plots.accuracy import accuracy_figure
from llmseqrec.reporting.plots.distributions import distributions_figure
from llmseqrec.reporting.plots.rates import LENGTH, POPULARITY, rates_figure
from llmseqrec.reporting.plots.tradeoff import tradeoff, tradeoff_figure
from llmseqrec.reporting.style import save_drawing
from llmseqrec.summary import label_of

with job(snakemake.log[0]):
    params, wildcards, outputs = snakemake.params, snakemake.wildcards, snakemake.output
    files, cutoff = snakemake.input, params.cutoff
    label = label_of(params.dataset, wildcards.split, files.statistics, params.seeds)
    prompts, train = Path(files.prompts), Path(files.train)
    board = read_leaderboard(files.table)
    save_drawing(accuracy_figure(board, label), board, Path(outputs.accuracy).with_suffix(""))
    hits = session_hits(params.folders, cutoff)
    rates = popularity_rates(hits, prompts, train)
    figure = rates_figure(rates, label, cutoff, POPULARITY)
    save_drawing(figure, rates, Path(outputs.popularity).with_suffix(""))
    rates = length_rates(hits, prompts)
    figure = rates_figure(rates, label, cutoff, LENGTH)
    save_drawing(figure, rates, Path(outputs.lengths).with_suffix(""))
    data = part_distributions(prompts, train)
    figure = distributions_figure(data, label)
    save_drawing(figure, data, Path(outputs.distributions).with_suffix(""))
    data = tradeoff(board)
    save_drawing(tradeoff_figure(data, label), data, Path(outputs.tradeoff).with_suffix(""))
