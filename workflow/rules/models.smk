rule train_model:
    input:
        unpack(run_inputs),
        preparation="results/{dataset}/preparation.json",
    output:
        model="results/{dataset}/{split}/{part}/{run}/seed{seed}/model/model.safetensors",
        facts="results/{dataset}/{split}/{part}/{run}/seed{seed}/run.json",
    params:
        run=run_params,
        device=CONFIG.device,
        code=run_code("train_model"),
    wildcard_constraints:
        run=one_of(TRAINED),
    log:
        "logs/train_model/{dataset}.{split}.{part}.{run}.seed{seed}.log",
    benchmark:
        "logs/benchmark/train_model/{dataset}.{split}.{part}.{run}.seed{seed}.tsv"
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
        "../scripts/train_model.py"


rule recommend:
    input:
        unpack(run_inputs),
        model="results/{dataset}/{split}/{part}/{run}/seed{seed}/model/model.safetensors",
        prompts="results/{dataset}/{split}/{part}/{prompts}",
    output:
        "results/{dataset}/{split}/{part}/{run}/seed{seed}/recommendations.{prompts}.parquet",
    params:
        run=run_params,
        device=CONFIG.device,
        top_k=CONFIG.top_k,
        code=run_code("recommend"),
    wildcard_constraints:
        run=one_of(TRAINED),
    log:
        "logs/recommend/{dataset}.{split}.{part}.{run}.seed{seed}.{prompts}.log",
    benchmark:
        "logs/benchmark/recommend/{dataset}.{split}.{part}.{run}.seed{seed}.{prompts}.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
        gpu=gpu_of,
    conda:
        "../../envs/torch.yaml"
    envmodules:
        "llmseqrec/torch",
    script:
        "../scripts/recommend.py"


rule import_recommendations:
    input:
        lists=lambda wildcards: external_path(
            CONFIG.runs[wildcards.run].parameters["path"], wildcards.dataset, wildcards.split
        ),
        catalogue="results/{dataset}/items.parquet",
        sessions="results/{dataset}/sessions.parquet",
        preparation="results/{dataset}/preparation.json",
    output:
        lists="results/{dataset}/{split}/full/{run}/seed{seed}/recommendations.test.parquet",
        facts="results/{dataset}/{split}/full/{run}/seed{seed}/run.json",
    params:
        run=run_params,
        code=run_code("import_recommendations"),
    wildcard_constraints:
        run=one_of(EXTERNAL),
    log:
        "logs/import_recommendations/{dataset}.{split}.{run}.seed{seed}.log",
    benchmark:
        "logs/benchmark/import_recommendations/{dataset}.{split}.{run}.seed{seed}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    conda:
        "../../envs/core.yaml"
    envmodules:
        "llmseqrec/core",
    script:
        "../scripts/import_recommendations.py"
