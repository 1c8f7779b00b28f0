rule slice_metrics:
    input:
        rows=PLAN.metric_files,
        prompts="results/{dataset}/{split}/full/test",
        train="results/{dataset}/{split}/full/train",
        statistics="results/{dataset}/{split}/statistics.json",
    output:
        slices="results/{dataset}/{split}/slices.parquet",
        csv="results/tables/slices.{dataset}.{split}.csv",
        md="results/tables/slices.{dataset}.{split}.md",
        tex="results/tables/slices.{dataset}.{split}.tex",
        html=report(
            "results/tables/slices.{dataset}.{split}.html",
            caption="../report/slices.rst",
            category="{dataset}",
            subcategory="{split}",
            labels={"result": "slices"},
        ),
    log:
        "logs/slice_metrics/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/slice_metrics/{dataset}.{split}.tsv"
    conda:
        "../../envs/core.yaml"
    envmodules:
        "llmseqrec/core",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        dataset=PLAN.label_params,
        folders=PLAN.comparison_folders,
        displays={name: run.display for name, run in CONFIG.runs.items()},
        seeds=CONFIG.seeds,
        code=code("slice_metrics"),
    script:
        "../scripts/slice_metrics.py"


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
    log:
        "logs/plot_accuracy/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/plot_accuracy/{dataset}.{split}.tsv"
    conda:
        "../../envs/core.yaml"
    envmodules:
        "llmseqrec/core",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        dataset=PLAN.label_params,
        seeds=CONFIG.seeds,
        code=code("plot_accuracy"),
    script:
        "../scripts/plot_accuracy.py"


rule plot_popularity:
    input:
        rows=PLAN.metric_files,
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
    log:
        "logs/plot_popularity/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/plot_popularity/{dataset}.{split}.tsv"
    conda:
        "../../envs/core.yaml"
    envmodules:
        "llmseqrec/core",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        dataset=PLAN.label_params,
        runs=PLAN.leaderboard_runs,
        cutoff=max(CONFIG.cutoffs),
        seeds=CONFIG.seeds,
        code=code("plot_popularity"),
    script:
        "../scripts/plot_popularity.py"


rule figures:
    input:
        PLAN.figure_files(),
