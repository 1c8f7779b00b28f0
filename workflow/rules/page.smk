from llmseqrec.plan_costs import CostPlan
from llmseqrec.plan_report import ReportPlan

COSTS = CostPlan(PLAN)
REPORT = ReportPlan(PLAN)


# After all the others, so that what it measures is complete.
rule build_costs:
    input:
        PLAN.table_files(),
        PLAN.figure_files(),
    output:
        csv="results/tables/costs.csv",
        md="results/tables/costs.md",
        tex="results/tables/costs.tex",
        html="results/tables/costs.html",
    log:
        "logs/build_costs.log",
    benchmark:
        "logs/benchmark/build_costs.tsv"
    conda:
        "../../envs/evaluation.yaml"
    envmodules:
        "llmseqrec/evaluation",
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        rows=COSTS.rows(),
        code=code("build_costs"),
    script:
        "../scripts/build_costs.py"


# A folder of its own, to be opened from disk and handed on as it is.
rule build_report:
    input:
        drawn=PLAN.table_files() + PLAN.figure_files(),
        costs=COSTS.tables,
        runs=REPORT.run_files,
    output:
        directory("results/report"),
    log:
        "logs/build_report.log",
    benchmark:
        "logs/benchmark/build_report.tsv"
    conda:
        "../../envs/evaluation.yaml"
    envmodules:
        "llmseqrec/evaluation",
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        experiments=REPORT.experiments(),
        captions=REPORT.captions(),
        sessions=CONFIG.report.sessions,
        seeds=CONFIG.seeds,
        code=code("build_report"),
    script:
        "../scripts/build_report.py"


rule report:
    input:
        rules.build_report.output,
