from pathlib import Path

from llmseqrec.config import parse_split
from llmseqrec.contracts import write_json
from llmseqrec.jobs import job
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles
from llmseqrec.sensitivity import TieStudy, tie_sensitivity

with job(snakemake.log[0]):
    params = snakemake.params
    folder = Path(snakemake.input.interactions).parent
    study = TieStudy(folder, parse_split(params.split), params.shuffles, params.cutoffs)
    found = tie_sensitivity(
        ResolvedRun.model_validate(params.run),
        RunFiles.of(snakemake.input),
        study,
        Identity(params.seed, params.device, params.code),
    )
    write_json(found, snakemake.output[0])
