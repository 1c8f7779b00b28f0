rule build_leaderboard:
    input:
        statistics="results/{dataset}/{split}/statistics.json",
        metrics=lambda wildcards: [
            f"{folder}/{name}"
            for run in runs_of(wildcards.dataset, wildcards.split)
            for folder in seed_folders(wildcards.dataset, wildcards.split, run)
            for name in ("metrics.test.json", "per_session.test.parquet")
        ],
        ties=lambda wildcards: tie_files(wildcards).values(),
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
    params:
        dataset=label_params,
        runs=leaderboard_runs,
        published=published_table,
        seeds=CONFIG.seeds,
        code=code_fingerprint(script_of("build_leaderboard")),
    log:
        "logs/build_leaderboard/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/build_leaderboard/{dataset}.{split}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    conda:
        "../../envs/core.yaml"
    envmodules:
        "llmseqrec/core",
    script:
        "../scripts/build_leaderboard.py"


rule build_comparison:
    input:
        statistics="results/{dataset}/{split}/statistics.json",
        comparison="results/{dataset}/{split}/comparison.parquet",
    output:
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
    params:
        dataset=label_params,
        displays={name: run.display for name, run in CONFIG.runs.items()},
        seeds=CONFIG.seeds,
        code=code_fingerprint(script_of("build_comparison")),
    log:
        "logs/build_comparison/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/build_comparison/{dataset}.{split}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    conda:
        "../../envs/core.yaml"
    envmodules:
        "llmseqrec/core",
    script:
        "../scripts/build_comparison.py"


rule build_statistics:
    input:
        [f"results/{dataset}/{split}/statistics.json" for dataset, split in done_experiments()],
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
    params:
        splits=statistics_splits(),
        missing=missing_datasets(),
        code=code_fingerprint(script_of("build_statistics")),
    log:
        "logs/build_statistics.log",
    benchmark:
        "logs/benchmark/build_statistics.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    conda:
        "../../envs/core.yaml"
    envmodules:
        "llmseqrec/core",
    script:
        "../scripts/build_statistics.py"


rule plot_accuracy:
    input:
        table="results/tables/leaderboard.{dataset}.{split}.csv",
        statistics="results/{dataset}/{split}/statistics.json",
    output:
        pdf="results/figures/accuracy.{dataset}.{split}.pdf",
        png=report(
            "results/figures/accuracy.{dataset}.{split}.png",
            caption="../report/accuracy.rst",
            category="{dataset}",
            subcategory="{split}",
            labels={"result": "accuracy by model"},
        ),
    params:
        dataset=label_params,
        seeds=CONFIG.seeds,
        code=code_fingerprint(script_of("plot_accuracy")),
    log:
        "logs/plot_accuracy/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/plot_accuracy/{dataset}.{split}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    conda:
        "../../envs/core.yaml"
    envmodules:
        "llmseqrec/core",
    script:
        "../scripts/plot_accuracy.py"


rule plot_popularity:
    input:
        rows=lambda wildcards: [
            f"{folder}/per_session.test.parquet"
            for run in runs_of(wildcards.dataset, wildcards.split)
            for folder in seed_folders(wildcards.dataset, wildcards.split, run)
        ],
        prompts="results/{dataset}/{split}/full/test",
        train="results/{dataset}/{split}/full/train",
        statistics="results/{dataset}/{split}/statistics.json",
    output:
        pdf="results/figures/popularity.{dataset}.{split}.pdf",
        png=report(
            "results/figures/popularity.{dataset}.{split}.png",
            caption="../report/popularity.rst",
            category="{dataset}",
            subcategory="{split}",
            labels={"result": "hit rate by popularity of the last item"},
        ),
        csv="results/tables/popularity.{dataset}.{split}.csv",
    params:
        dataset=label_params,
        runs=leaderboard_runs,
        cutoff=max(CONFIG.cutoffs),
        seeds=CONFIG.seeds,
        code=code_fingerprint(script_of("plot_popularity")),
    log:
        "logs/plot_popularity/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/plot_popularity/{dataset}.{split}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    conda:
        "../../envs/core.yaml"
    envmodules:
        "llmseqrec/core",
    script:
        "../scripts/plot_popularity.py"


rule tables:
    input:
        table_files(),


rule figures:
    input:
        figure_files(),
