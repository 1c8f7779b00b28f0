from pathlib import Path

from llmseqrec.config import Embedding
from llmseqrec.embeddings.embed import embed_items
from llmseqrec.jobs import job

with job(snakemake.log[0]):
    embed_items(
        Path(snakemake.input.catalogue),
        Embedding.model_validate(snakemake.params.embedding),
        snakemake.params.device,
        Path(snakemake.output.vectors),
    )
