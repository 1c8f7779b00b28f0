rule build_leaderboard:
    input:
        statistics=PLAN.statistics_file,
        metrics=PLAN.metric_files,
        ties=lambda w: PLAN.tie_files(w).values(),
    output:
        csv="results/tables/leaderboard.{dataset}.{split}.csv",
        md="results/tables/leaderboard.{dataset}.{split}.md",
        tex="results/tables/leaderboard.{dataset}.{split}.tex",
        html=report(
            "results/tables/leaderboard.{dataset}.{split}.html",
            caption="../report/leaderboard.rst",
            category="{dataset}",
            subcategory="{split}",
            labels={"result": "leaderboard"},
        ),
        text="results/tables/leaderboard.{dataset}.{split}.txt",
    log:
        "logs/build_leaderboard/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/build_leaderboard/{dataset}.{split}.tsv"
    conda:
        "../../envs/evaluation.yaml"
    envmodules:
        "llmseqrec/evaluation",
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        dataset=PLAN.label_params,
        runs=PLAN.leaderboard_runs,
        published=PLAN.published_table,
        seeds=CONFIG.seeds,
        code=code("build_leaderboard"),
    script:
        "../scripts/build_leaderboard.py"


rule build_folds:
    input:
        metrics=PLAN.fold_metric_files,
        statistics="results/{dataset}/{split}/statistics.json",
    output:
        csv="results/tables/folds.{dataset}.{split}.csv",
        md="results/tables/folds.{dataset}.{split}.md",
        tex="results/tables/folds.{dataset}.{split}.tex",
        html=report(
            "results/tables/folds.{dataset}.{split}.html",
            caption="../report/folds.rst",
            category="{dataset}",
            subcategory="{split}",
            labels={"result": "validation folds"},
        ),
    log:
        "logs/build_folds/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/build_folds/{dataset}.{split}.tsv"
    conda:
        "../../envs/evaluation.yaml"
    envmodules:
        "llmseqrec/evaluation",
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        dataset=PLAN.label_params,
        folders=PLAN.fold_folders,
        seeds=CONFIG.seeds,
        code=code("build_folds"),
    script:
        "../scripts/build_folds.py"


rule build_comparison:
    input:
        statistics="results/{dataset}/{split}/statistics.json",
        comparison="results/{dataset}/{split}/comparison.parquet",
        ties=lambda w: PLAN.tie_files(w).values(),
    output:
        statements="results/tables/statements.{dataset}.{split}.json",
        csv="results/tables/comparison.{dataset}.{split}.csv",
        md="results/tables/comparison.{dataset}.{split}.md",
        tex="results/tables/comparison.{dataset}.{split}.tex",
        html=report(
            "results/tables/comparison.{dataset}.{split}.html",
            caption="../report/comparison.rst",
            category="{dataset}",
            subcategory="{split}",
            labels={"result": "paired comparisons"},
        ),
    log:
        "logs/build_comparison/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/build_comparison/{dataset}.{split}.tsv"
    conda:
        "../../envs/evaluation.yaml"
    envmodules:
        "llmseqrec/evaluation",
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        dataset=PLAN.label_params,
        displays={name: run.display for name, run in CONFIG.runs.items()},
        metric=PLAN.statement_metric,
        ties=PLAN.tie_files,
        one_seed=PLAN.one_seed_runs,
        seeds=CONFIG.seeds,
        code=code("build_comparison"),
    script:
        "../scripts/build_comparison.py"


rule build_statistics:
    input:
        [f"results/{d}/{s}/statistics.json" for d, s in PLAN.done_experiments()],
    output:
        csv="results/tables/datasets.csv",
        md="results/tables/datasets.md",
        tex="results/tables/datasets.tex",
        html=report(
            "results/tables/datasets.html",
            caption="../report/statistics.rst",
            category="datasets",
            labels={"result": "dataset statistics"},
        ),
    log:
        "logs/build_statistics.log",
    benchmark:
        "logs/benchmark/build_statistics.tsv"
    conda:
        "../../envs/evaluation.yaml"
    envmodules:
        "llmseqrec/evaluation",
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        splits=PLAN.statistics_splits(),
        missing=PLAN.missing_datasets(),
        code=code("build_statistics"),
    script:
        "../scripts/build_statistics.py"


rule tables:
    input:
        PLAN.table_files(),
