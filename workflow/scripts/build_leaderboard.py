from pathlib import Path

from llmseqrec.contracts import write_text
from llmseqrec.jobs import job
from llmseqrec.reporting.layouts import leaderboard_layout
from llmseqrec.reporting.leaderboard import build_leaderboard
from llmseqrec.reporting.tables import write_tables
from llmseqrec.reporting.terminal import format_leaderboard
from llmseqrec.summary import gather, label_of

with job(snakemake.log[0]):
    params, wildcards = snakemake.params, snakemake.wildcards
    label = label_of(params.dataset, wildcards.split, snakemake.input.statistics, params.seeds)
    results, missing, published = gather(params.runs, params.published)
    frame = build_leaderboard(results, label, missing, published)
    stem = Path(snakemake.output.csv).with_suffix("")
    write_tables(frame, leaderboard_layout(frame, label), stem)
    write_text(format_leaderboard(frame, str(label)), snakemake.output.text)
