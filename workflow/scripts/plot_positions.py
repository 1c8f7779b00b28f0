from pathlib import Path

from llmseqrec.contracts import read_json
from llmseqrec.jobs import job
from llmseqrec.reporting.plots.rates import POSITION, position_rates, rates_figure
from llmseqrec.reporting.style import save_drawing
from llmseqrec.summary import label_of

with job(snakemake.log[0]):
    params, wildcards = snakemake.params, snakemake.wildcards
    label = label_of(params.dataset, wildcards.split, snakemake.input.statistics, params.seeds)
    data = position_rates({name: read_json(path) for name, path in params.files.items()})
    figure = rates_figure(data, label, params.cutoff, POSITION)
    save_drawing(figure, data, Path(snakemake.output[0]).with_suffix(""))
