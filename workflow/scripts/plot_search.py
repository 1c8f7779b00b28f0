from pathlib import Path

from llmseqrec.contracts import TRIALS, read_json, read_table
from llmseqrec.jobs import job
from llmseqrec.reporting.search_figures import plot_search

with job(snakemake.log[0]):
    trials = read_table(snakemake.input.trials, TRIALS)
    outputs = snakemake.output
    stems = {
        name: Path(getattr(outputs, name)[0]).with_suffix("")
        for name in ("history", "importance", "values")
    }
    plot_search(trials, read_json(snakemake.input.importance), snakemake.params.title, stems)
