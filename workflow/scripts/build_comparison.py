from pathlib import Path

from llmseqrec.contracts import COMPARISON, read_json, read_table, write_json
from llmseqrec.jobs import job
from llmseqrec.reporting.layouts import comparison_layout
from llmseqrec.reporting.statements import make_statements, tie_spread
from llmseqrec.reporting.tables import write_tables
from llmseqrec.summary import label_of

with job(snakemake.log[0]):
    params, wildcards = snakemake.params, snakemake.wildcards
    label = label_of(params.dataset, wildcards.split, snakemake.input.statistics, params.seeds)
    frame = read_table(snakemake.input.comparison, COMPARISON)
    spreads = {
        run: tie_spread(read_json(path)["metrics"], params.metric)
        for run, path in params.ties.items()
    }
    statements = make_statements(frame, params.metric, params.displays, spreads, params.one_seed)
    write_json(statements, snakemake.output.statements)
    frame = frame.replace({"run_a": params.displays, "run_b": params.displays})
    layout = comparison_layout(label, [statement["text"] for statement in statements])
    write_tables(frame, layout, Path(snakemake.output.csv).with_suffix(""))
