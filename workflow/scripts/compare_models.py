from pathlib import Path

from llmseqrec.contracts import COMPARISON, write_table
from llmseqrec.jobs import job
from llmseqrec.summary import compare_runs

with job(snakemake.log[0]):
    table = compare_runs(snakemake.params.folders, snakemake.params.pairs)
    write_table(table, Path(snakemake.output[0]), COMPARISON)
