from pathlib import Path

from llmseqrec.contracts import write_json
from llmseqrec.evaluation.results import note_test_look
from llmseqrec.jobs import job
from llmseqrec.positions import position_hits
from llmseqrec.provenance import digest
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles

with job(snakemake.log[0]):
    params, files = snakemake.params, snakemake.input
    run, identity = ResolvedRun.model_validate(params.run), Identity(params.seed, params.device)
    size = tuple(params.size)
    found = position_hits(run, RunFiles.of(files), identity, Path(files.prompts), size)
    target = Path(snakemake.output[0])
    ledger = target.parents[2] / "test_ledger.csv"
    note_test_look(ledger, target.parent.name, params.seed, digest(params.run), size[0])
    write_json(found, target)
