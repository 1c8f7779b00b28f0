from pathlib import Path

from llmseqrec.data.sample import write_sample
from llmseqrec.jobs import job

with job(snakemake.log[0]):
    write_sample(Path(snakemake.output.reviews).parent, **snakemake.params.sample)
