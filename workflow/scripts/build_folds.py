from pathlib import Path

from llmseqrec.contracts import read_json
from llmseqrec.jobs import job
from llmseqrec.reporting.folds import build_folds, folds_layout
from llmseqrec.reporting.tables import write_tables
from llmseqrec.summary import label_of

with job(snakemake.log[0]):
    params, wildcards = snakemake.params, snakemake.wildcards
    label = label_of(params.dataset, wildcards.split, snakemake.input.statistics, params.seeds)
    runs = {
        display: {
            fold: [read_json(Path(f"{folder}/metrics.valid.json"))["metrics"] for folder in folders]
            for fold, folders in folds.items()
        }
        for display, folds in params.folders.items()
    }
    frame = build_folds(runs)
    stem = Path(snakemake.output.csv).with_suffix("")
    write_tables(frame, folds_layout(frame, label), stem)
