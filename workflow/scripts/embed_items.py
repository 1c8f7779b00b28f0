from pathlib import Path

from llmseqrec.config import Embedding, parse_config
from llmseqrec.embeddings.embed import embed_items
from llmseqrec.jobs import job
from llmseqrec.uploads import Permission

with job(snakemake.log[0]):
    embed_items(
        Path(snakemake.input.catalogue),
        Embedding.model_validate(snakemake.params.embedding),
        snakemake.params.device,
        Path(snakemake.output.vectors),
        Permission.of(parse_config(snakemake.config), snakemake.wildcards.dataset),
    )
