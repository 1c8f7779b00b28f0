from llmseqrec.plan_costs import CostPlan

COSTS = CostPlan(PLAN)


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
        "../../envs/core.yaml"
    envmodules:
        "llmseqrec/core",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        rows=COSTS.rows(),
        code=code("build_costs"),
    script:
        "../scripts/build_costs.py"
