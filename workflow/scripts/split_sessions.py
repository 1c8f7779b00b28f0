from pathlib import Path

from llmseqrec.config import parse_split
from llmseqrec.data.splits import write_part
from llmseqrec.jobs import job

with job(snakemake.log[0]):
    write_part(
        Path(snakemake.input.interactions).parent,
        parse_split(snakemake.params.split),
        snakemake.wildcards.part,
        snakemake.wildcards.subset,
        Path(snakemake.output[0]),
    )
