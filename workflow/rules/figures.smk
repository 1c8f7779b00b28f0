from llmseqrec.plan_costs import CostPlan
from llmseqrec.plan_figures import BESIDE_PNG, FigurePlan

FIGURES = FigurePlan(PLAN)
COST_PLAN = CostPlan(PLAN)


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
        "../../envs/evaluation.yaml"
    envmodules:
        "llmseqrec/evaluation",
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        dataset=PLAN.label_params,
        folders=PLAN.comparison_folders,
        displays={name: run.display for name, run in CONFIG.runs.items()},
        seeds=CONFIG.seeds,
        code=code("slice_metrics"),
    script:
        "../scripts/slice_metrics.py"


# One job draws them all: each alone would spend as long on importing as on drawing.
rule plot_experiment:
    input:
        table="results/tables/leaderboard.{dataset}.{split}.csv",
        rows=PLAN.metric_files,
        prompts="results/{dataset}/{split}/full/test",
        train="results/{dataset}/{split}/full/train",
        statistics="results/{dataset}/{split}/statistics.json",
    output:
        accuracy=report(
            "results/figures/accuracy.{dataset}.{split}.png",
            caption="../report/accuracy.rst",
            category="{dataset}",
            subcategory="{split}",
            labels={"result": "accuracy by model"},
        ),
        popularity=report(
            "results/figures/popularity.{dataset}.{split}.png",
            caption="../report/popularity.rst",
            category="{dataset}",
            subcategory="{split}",
            labels={"result": "hit rate by popularity of the last item"},
        ),
        lengths="results/figures/lengths.{dataset}.{split}.png",
        distributions="results/figures/distributions.{dataset}.{split}.png",
        tradeoff="results/figures/tradeoff.{dataset}.{split}.png",
        others=BESIDE_PNG,
    log:
        "logs/plot_experiment/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/plot_experiment/{dataset}.{split}.tsv"
    conda:
        "../../envs/figures.yaml"
    envmodules:
        "llmseqrec/figures",
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=10,
    params:
        dataset=PLAN.label_params,
        folders=lambda w: FIGURES.done_folders(w.dataset, w.split),
        cutoff=max(CONFIG.cutoffs),
        seeds=CONFIG.seeds,
        code=code("plot_experiment"),
    script:
        "../scripts/plot_experiment.py"


rule plot_training:
    input:
        histories=FIGURES.history_files,
        statistics="results/{dataset}/{split}/statistics.json",
    output:
        multiext("results/figures/training.{dataset}.{split}", ".png", ".pdf", ".csv"),
    log:
        "logs/plot_training/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/plot_training/{dataset}.{split}.tsv"
    conda:
        "../../envs/figures.yaml"
    envmodules:
        "llmseqrec/figures",
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        dataset=PLAN.label_params,
        folders=lambda w: FIGURES.trained_folders(w.dataset, w.split),
        seeds=CONFIG.seeds,
        code=code("plot_training"),
    script:
        "../scripts/plot_training.py"


rule plot_affinity:
    input:
        vectors=lambda w: FIGURES.vectors(w.dataset, w.split).values(),
        prompts="results/{dataset}/{split}/full/test",
        train="results/{dataset}/{split}/full/train",
        statistics="results/{dataset}/{split}/statistics.json",
    output:
        multiext("results/figures/affinity.{dataset}.{split}", ".png", ".pdf", ".csv"),
    log:
        "logs/plot_affinity/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/plot_affinity/{dataset}.{split}.tsv"
    conda:
        "../../envs/figures.yaml"
    envmodules:
        "llmseqrec/figures",
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        dataset=PLAN.label_params,
        vectors=lambda w: FIGURES.vectors(w.dataset, w.split),
        seeds=CONFIG.seeds,
        code=code("plot_affinity"),
    script:
        "../scripts/plot_affinity.py"


rule ask_positions:
    input:
        unpack(PLAN.run_inputs),
        model=PLAN.first_model,
        prompts="results/{dataset}/{split}/full/test",
    output:
        "results/{dataset}/{split}/full/{run}/positions.json",
    log:
        "logs/ask_positions/{dataset}.{split}.{run}.log",
    benchmark:
        "logs/benchmark/ask_positions/{dataset}.{split}.{run}.tsv"
    wildcard_constraints:
        run=one_of(PLAN.fitted),
    conda:
        "../../envs/models.yaml"
    envmodules:
        "llmseqrec/models",
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=120,
        gpu=PLAN.gpu_of,
    params:
        run=PLAN.run_params,
        size=(CONFIG.positions.depth, max(CONFIG.cutoffs)),
        seed=CONFIG.seeds[0],
        device=CONFIG.device,
        code=run_code("ask_positions"),
    script:
        "../scripts/ask_positions.py"


rule plot_positions:
    input:
        hits=lambda w: FIGURES.asked_positions(w.dataset, w.split).values(),
        statistics="results/{dataset}/{split}/statistics.json",
    output:
        multiext("results/figures/positions.{dataset}.{split}", ".png", ".pdf", ".csv"),
    log:
        "logs/plot_positions/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/plot_positions/{dataset}.{split}.tsv"
    conda:
        "../../envs/figures.yaml"
    envmodules:
        "llmseqrec/figures",
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        dataset=PLAN.label_params,
        files=lambda w: FIGURES.asked_positions(w.dataset, w.split),
        cutoff=max(CONFIG.cutoffs),
        seeds=CONFIG.seeds[:1],
        code=code("plot_positions"),
    script:
        "../scripts/plot_positions.py"


rule plot_reductions:
    input:
        table="results/tables/leaderboard.{dataset}.{split}.csv",
        statistics="results/{dataset}/{split}/statistics.json",
    output:
        multiext("results/figures/reductions.{dataset}.{split}", ".png", ".pdf", ".csv"),
    log:
        "logs/plot_reductions/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/plot_reductions/{dataset}.{split}.tsv"
    conda:
        "../../envs/figures.yaml"
    envmodules:
        "llmseqrec/figures",
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        dataset=PLAN.label_params,
        groups=lambda w: FIGURES.reduction_groups(w.dataset, w.split),
        seeds=CONFIG.seeds,
        code=code("plot_reductions"),
    script:
        "../scripts/plot_reductions.py"


rule plot_similarities:
    input:
        table="results/tables/similarities.{dataset}.{split}.csv",
        statistics="results/{dataset}/{split}/statistics.json",
    output:
        multiext("results/figures/similarities.{dataset}.{split}", ".png", ".pdf", ".csv"),
    log:
        "logs/plot_similarities/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/plot_similarities/{dataset}.{split}.tsv"
    conda:
        "../../envs/figures.yaml"
    envmodules:
        "llmseqrec/figures",
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        dataset=PLAN.label_params,
        methods=FIGURES.reduction_methods(),
        seeds=CONFIG.seeds,
        code=code("plot_similarities"),
    script:
        "../scripts/plot_similarities.py"


# Of times, which differ from run to run: outside of what must compare byte for byte.
rule plot_costs:
    input:
        table="results/tables/leaderboard.{dataset}.{split}.csv",
        statistics="results/{dataset}/{split}/statistics.json",
    output:
        multiext("results/figures/costs.{dataset}.{split}", ".png", ".pdf", ".csv"),
    log:
        "logs/plot_costs/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/plot_costs/{dataset}.{split}.tsv"
    conda:
        "../../envs/figures.yaml"
    envmodules:
        "llmseqrec/figures",
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        dataset=PLAN.label_params,
        rows=lambda w: COST_PLAN.rows_of(w.dataset, w.split),
        seeds=CONFIG.seeds,
        code=code("plot_costs"),
    script:
        "../scripts/plot_costs.py"


rule figures:
    input:
        PLAN.figure_files(),
