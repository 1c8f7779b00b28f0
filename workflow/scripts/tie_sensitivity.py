from pathlib import Path

from llmseqrec.config import parse_split
from llmseqrec.contracts import write_json
from llmseqrec.evaluation.results import note_test_look
from llmseqrec.jobs import job
from llmseqrec.provenance import digest
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles
from llmseqrec.sensitivity import TieStudy, tie_sensitivity

with job(snakemake.log[0]):
    params = snakemake.params
    folder = Path(snakemake.input.interactions).parent
    study = TieStudy(folder, parse_split(params.split), params.shuffles, params.cutoffs)
    run = ResolvedRun.model_validate(params.run)
    identity = Identity(params.seed, params.device, params.code)
    found = tie_sensitivity(run, RunFiles.of(snakemake.input), study, identity)
    target = Path(snakemake.output[0])
    ledger = target.parents[2] / "test_ledger.csv"
    note_test_look(ledger, target.parent.name, params.seed, digest(params.run), params.shuffles)
    write_json(found, target)
