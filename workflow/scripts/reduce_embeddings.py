from pathlib import Path

from llmseqrec.config import Reduction
from llmseqrec.jobs import job
from llmseqrec.reduction.reduce import reduce_embeddings

with job(snakemake.log[0]):
    reduce_embeddings(
        Path(snakemake.input.vectors),
        Path(snakemake.input.catalogue),
        Reduction.model_validate(snakemake.params.reduction),
        Path(snakemake.output.vectors),
        Path(train) if (train := getattr(snakemake.input, "train", None)) else None,
    )
