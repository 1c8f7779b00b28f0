rule evaluate:
    input:
        recommendations="results/{dataset}/{split}/{part}/{run}/seed{seed}/recommendations.{prompts}.parquet",
        facts="results/{dataset}/{split}/{part}/{run}/seed{seed}/run.json",
        prompts="results/{dataset}/{split}/{part}/{prompts}",
        catalogue="results/{dataset}/items.parquet",
        interactions="results/{dataset}/interactions.parquet",
    output:
        metrics="results/{dataset}/{split}/{part}/{run}/seed{seed}/metrics.{prompts}.json",
        rows="results/{dataset}/{split}/{part}/{run}/seed{seed}/per_session.{prompts}.parquet",
    log:
        "logs/evaluate/{dataset}.{split}.{part}.{run}.seed{seed}.{prompts}.log",
    benchmark:
        "logs/benchmark/evaluate/{dataset}.{split}.{part}.{run}.seed{seed}.{prompts}.tsv"
    conda:
        "../../envs/evaluation.yaml"
    envmodules:
        "llmseqrec/evaluation",
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        cutoffs=CONFIG.cutoffs,
        code=code("evaluate"),
    script:
        "../scripts/evaluate.py"


rule tie_sensitivity:
    input:
        unpack(PLAN.run_inputs),
        model=PLAN.first_model,
        sessions="results/{dataset}/sessions.parquet",
        interactions="results/{dataset}/interactions.parquet",
        membership=PLAN.membership_file,
    output:
        "results/{dataset}/{split}/full/{run}/tie_sensitivity.json",
    log:
        "logs/tie_sensitivity/{dataset}.{split}.{run}.log",
    benchmark:
        "logs/benchmark/tie_sensitivity/{dataset}.{split}.{run}.tsv"
    wildcard_constraints:
        run=one_of(PLAN.fitted),
    conda:
        "../../envs/models.yaml"
    envmodules:
        "llmseqrec/models",
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=240,
        gpu=PLAN.gpu_of,
    params:
        run=PLAN.run_params,
        split=PLAN.split_params,
        shuffles=CONFIG.tie_shuffles,
        cutoffs=CONFIG.cutoffs,
        seed=CONFIG.seeds[0],
        device=CONFIG.device,
        code=run_code("tie_sensitivity"),
    script:
        "../scripts/tie_sensitivity.py"


rule compare_models:
    input:
        PLAN.metric_files,
    output:
        "results/{dataset}/{split}/comparison.parquet",
    log:
        "logs/compare_models/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/compare_models/{dataset}.{split}.tsv"
    conda:
        "../../envs/evaluation.yaml"
    envmodules:
        "llmseqrec/evaluation",
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        folders=PLAN.comparison_folders,
        pairs=lambda w: PLAN.comparisons_of(w.dataset, w.split),
        code=code("compare_models"),
    script:
        "../scripts/compare_models.py"
