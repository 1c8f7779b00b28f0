rule build_study_table:
    input:
        PLAN.study.inputs,
    output:
        csv="results/tables/study_table{number}.csv",
        md="results/tables/study_table{number}.md",
        tex="results/tables/study_table{number}.tex",
        html="results/tables/study_table{number}.html",
    log:
        "logs/build_study_table/{number}.log",
    benchmark:
        "logs/benchmark/build_study_table/{number}.tsv"
    wildcard_constraints:
        number=one_of(PLAN.study.numbers),
    conda:
        "../../envs/evaluation.yaml"
    envmodules:
        "llmseqrec/evaluation",
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        kind=PLAN.study.kind,
        task=PLAN.study.task,
        code=code("build_study_table"),
    script:
        "../scripts/build_study_table.py"
