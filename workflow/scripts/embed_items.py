from pathlib import Path

from llmseqrec.config import parse_config
from llmseqrec.embeddings.embed import embed_items
from llmseqrec.jobs import job
from llmseqrec.uploads import Permission

with job(snakemake.log[0]):
    # The parameters lack what does not decide the vectors, such as who pays for them.
    config, wildcards = parse_config(snakemake.config), snakemake.wildcards
    template = {"template": snakemake.params.embedding["template"]}
    embed_items(
        Path(snakemake.input.catalogue),
        config.embeddings[wildcards.embedding].model_copy(update=template),
        snakemake.params.device,
        Path(snakemake.output.vectors),
        Permission.of(config, wildcards.dataset),
    )
