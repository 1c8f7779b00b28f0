from pathlib import Path

from llmseqrec.config import parse_config
from llmseqrec.generations import open_provider, tuning_place
from llmseqrec.jobs import job
from llmseqrec.llm.providers.base import TuningFiles
from llmseqrec.provenance import file_digest
from llmseqrec.uploads import Permission

with job(snakemake.log[0]):
    # The parameters lack what does not decide the model, such as how it is fetched.
    params, wildcards = snakemake.params, snakemake.wildcards
    config = parse_config(snakemake.config)
    permission = Permission.of(config, wildcards.dataset)
    provider = open_provider(config.language_model_of(wildcards.run), params.device, permission)
    inputs = snakemake.input
    files = TuningFiles(Path(inputs.training), Path(inputs.validation), Path(inputs.names))
    decides = [params.language_model, params.code, *map(file_digest, inputs)]
    w = wildcards
    name = f"{w.dataset}.{w.split}.{w.part}.{w.run}.seed{w.seed}"
    target = Path(snakemake.output[0])
    provider.finetune(files, tuning_place(target, int(wildcards.seed), name, decides))
