from pathlib import Path

from llmseqrec.contracts import write_text
from llmseqrec.jobs import job
from llmseqrec.reporting.figures import popularity_figure
from llmseqrec.reporting.style import save_figure
from llmseqrec.summary import label_of, popularity_table

with job(snakemake.log[0]):
    params, wildcards, files = snakemake.params, snakemake.wildcards, snakemake.input
    label = label_of(params.dataset, wildcards.split, files.statistics, params.seeds)
    rates = popularity_table(params.runs, Path(files.prompts), Path(files.train), params.cutoff)
    figure = popularity_figure(rates, label, params.cutoff)
    save_figure(figure, Path(snakemake.output.pdf).with_suffix(""))
    write_text(rates.to_csv(index=False), snakemake.output.csv)
