"""Recommendation lists of another system as a run of the workflow."""

from __future__ import annotations

from pathlib import Path

from llmseqrec.contracts import (
    ITEMS,
    RECOMMENDATIONS,
    SESSIONS,
    read_table,
    write_json,
    write_table,
)
from llmseqrec.evaluation.external import read_external
from llmseqrec.models.parameters import ExternalParameters
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles, run_facts


def import_run(
    run: ResolvedRun, lists: Path, files: RunFiles, identity: Identity, folder: Path
) -> None:
    """Map another system's lists to our ids; write recommendations.test.parquet and run.json."""
    dataset = files.catalogue.parent
    table, counts = read_external(
        lists,
        ExternalParameters(**run.parameters),
        read_table(dataset / "sessions.parquet", SESSIONS),
        read_table(files.catalogue, ITEMS),
    )
    write_table(table, folder / "recommendations.test.parquet", RECOMMENDATIONS)
    facts = run_facts(run, files, identity)
    write_json(facts | {"imported": counts}, folder / "run.json")
