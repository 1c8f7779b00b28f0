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
    params:
        cutoffs=CONFIG.cutoffs,
        code=code_fingerprint(script_of("evaluate")),
    log:
        "logs/evaluate/{dataset}.{split}.{part}.{run}.seed{seed}.{prompts}.log",
    benchmark:
        "logs/benchmark/evaluate/{dataset}.{split}.{part}.{run}.seed{seed}.{prompts}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    conda:
        "../../envs/core.yaml"
    envmodules:
        "llmseqrec/core",
    script:
        "../scripts/evaluate.py"


rule tie_sensitivity:
    input:
        unpack(run_inputs),
        model=lambda wildcards: seed_folders(wildcards.dataset, wildcards.split, wildcards.run)[0]
        + "/model/model.safetensors",
        sessions="results/{dataset}/sessions.parquet",
        interactions="results/{dataset}/interactions.parquet",
        membership=membership_file,
    output:
        "results/{dataset}/{split}/full/{run}/tie_sensitivity.json",
    params:
        run=run_params,
        split=split_params,
        shuffles=CONFIG.tie_shuffles,
        cutoffs=CONFIG.cutoffs,
        seed=CONFIG.seeds[0],
        device=CONFIG.device,
        code=run_code("tie_sensitivity"),
    wildcard_constraints:
        run=one_of(TRAINED),
    log:
        "logs/tie_sensitivity/{dataset}.{split}.{run}.log",
    benchmark:
        "logs/benchmark/tie_sensitivity/{dataset}.{split}.{run}.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=gpu_of,
    conda:
        "../../envs/torch.yaml"
    envmodules:
        "llmseqrec/torch",
    script:
        "../scripts/tie_sensitivity.py"


rule compare_models:
    input:
        lambda wildcards: [
            f"{folder}/per_session.test.parquet"
            for run in dict.fromkeys(sum(comparisons_of(wildcards.dataset, wildcards.split), []))
            for folder in seed_folders(wildcards.dataset, wildcards.split, run)
        ],
    output:
        "results/{dataset}/{split}/comparison.parquet",
    params:
        folders=lambda wildcards: {
            run: seed_folders(wildcards.dataset, wildcards.split, run)
            for run in runs_of(wildcards.dataset, wildcards.split)
        },
        pairs=lambda wildcards: comparisons_of(wildcards.dataset, wildcards.split),
        code=code_fingerprint(script_of("compare_models")),
    log:
        "logs/compare_models/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/compare_models/{dataset}.{split}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    conda:
        "../../envs/core.yaml"
    envmodules:
        "llmseqrec/core",
    script:
        "../scripts/compare_models.py"
