from pathlib import Path

from llmseqrec.jobs import job
from llmseqrec.measurements import measured_jobs
from llmseqrec.reporting.costs import build_costs, costs_layout
from llmseqrec.reporting.tables import write_tables

with job(snakemake.log[0]):
    rows = snakemake.params.rows
    planned = {name for row in rows for name in row.get("jobs", ())}
    jobs = measured_jobs(Path("logs/benchmark"), Path("results"), planned)
    frame = build_costs(jobs, rows)
    write_tables(frame, costs_layout(frame), Path(snakemake.output.csv).with_suffix(""))
