from pathlib import Path

from llmseqrec.data.download import download
from llmseqrec.jobs import job

with job(snakemake.log[0]):
    raw = snakemake.params.raw
    download(
        raw["url"],
        Path(snakemake.output[0]),
        Path("resources/checksums.lock"),
        member=raw["member"],
    )
