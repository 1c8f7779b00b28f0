from pathlib import Path

from llmseqrec.config import Dataset
from llmseqrec.data.prepare import prepare_sessions
from llmseqrec.jobs import job

with job(snakemake.log[0]):
    rest = {"display": snakemake.wildcards.dataset, "splits": {}}
    dataset = Dataset.model_validate(snakemake.params.dataset | rest)
    named = snakemake.input.items()
    files = {name.removeprefix("raw_"): Path(path) for name, path in named}
    prepare_sessions(dataset, files, Path(snakemake.output.catalogue).parent)
