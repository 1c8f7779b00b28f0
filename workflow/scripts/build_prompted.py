from pathlib import Path

from llmseqrec.contracts import read_json
from llmseqrec.jobs import job
from llmseqrec.reporting.prompted import build_prompted, prompted_layout
from llmseqrec.reporting.tables import write_tables
from llmseqrec.summary import label_of

with job(snakemake.log[0]):
    params, wildcards = snakemake.params, snakemake.wildcards
    label = label_of(params.dataset, wildcards.split, snakemake.input.statistics, params.seeds)
    runs = {
        display: run
        | {
            "seeds": [
                {kind: read_json(path) for kind, path in paths.items()} for paths in run["seeds"]
            ]
        }
        for display, run in params.runs.items()
    }
    frame = build_prompted(runs)
    stem = Path(snakemake.output.csv).with_suffix("")
    write_tables(frame, prompted_layout(frame, label), stem)
