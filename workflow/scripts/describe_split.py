from pathlib import Path

from llmseqrec.config import parse_split
from llmseqrec.contracts import write_json
from llmseqrec.data.statistics import describe_split
from llmseqrec.jobs import job

with job(snakemake.log[0]):
    folder = Path(snakemake.input.preparation).parent
    split = parse_split(snakemake.params.split)
    write_json(describe_split(folder, split), Path(snakemake.output[0]))
