from pathlib import Path

from llmseqrec.jobs import job
from llmseqrec.reporting.layouts import similarities_layout
from llmseqrec.reporting.tables import write_tables
from llmseqrec.similarities import Variant, compare_similarities
from llmseqrec.summary import label_of

with job(snakemake.log[0]):
    files, params = snakemake.input, snakemake.params
    variants = [Variant.of(content, Path(files.catalogue)) for content in params.variants]
    folds = dict(zip(params.folds, map(Path, files.folds), strict=True))
    frame = compare_similarities(variants, folds, params.k)
    label = label_of(params.dataset, snakemake.wildcards.split, files.statistics, params.seeds)
    stem = Path(snakemake.output.csv).with_suffix("")
    write_tables(frame, similarities_layout(frame, label, params.missing), stem)
