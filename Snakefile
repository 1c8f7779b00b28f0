from snakemake.utils import min_version

min_version("9.27")


include: "workflow/rules/library.smk"


# A --configfile replaces the default configuration; without this it would be merged into it.
if not workflow.overwrite_configfiles:

    configfile: DEFAULT_CONFIG


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/embeddings.smk"
include: "workflow/rules/tuning.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/hybrids.smk"
include: "workflow/rules/llm.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/study.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/page.smk"


report: "workflow/report/workflow.rst"


onstart:
    claim_own_files()
    start_jobs_without_a_limit()


localrules:
    all,
    tables,
    figures,
    report,


rule all:
    default_target: True
    input:
        rules.tables.input,
        rules.figures.input,
        rules.report.input,
