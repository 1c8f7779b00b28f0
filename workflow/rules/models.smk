from llmseqrec.registry import MODELS

NEURAL = {name for name, run in CONFIG.runs.items() if MODELS[run.model].neural}


rule train_model:
    input:
        unpack(PLAN.run_inputs),
    output:
        model="results/{dataset}/{split}/{part}/{run}/seed{seed}/model/model.safetensors",
        facts="results/{dataset}/{split}/{part}/{run}/seed{seed}/run.json",
    log:
        "logs/train_model/{dataset}.{split}.{part}.{run}.seed{seed}.log",
    benchmark:
        "logs/benchmark/train_model/{dataset}.{split}.{part}.{run}.seed{seed}.tsv"
    wildcard_constraints:
        run=one_of(PLAN.fitted - NEURAL),
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
        device=CONFIG.device,
        code=run_code("train_model"),
    script:
        "../scripts/train_model.py"


# The same job; a run that is trained in epochs has one output more.
use rule train_model as train_neural_model with:
    output:
        model="results/{dataset}/{split}/{part}/{run}/seed{seed}/model/model.safetensors",
        facts="results/{dataset}/{split}/{part}/{run}/seed{seed}/run.json",
        history="results/{dataset}/{split}/{part}/{run}/seed{seed}/history.parquet",
    wildcard_constraints:
        run=one_of(NEURAL),


rule recommend:
    input:
        unpack(PLAN.run_inputs),
        model="results/{dataset}/{split}/{part}/{run}/seed{seed}/model/model.safetensors",
        prompts="results/{dataset}/{split}/{part}/{prompts}",
    output:
        "results/{dataset}/{split}/{part}/{run}/seed{seed}/recommendations.{prompts}.parquet",
    log:
        "logs/recommend/{dataset}.{split}.{part}.{run}.seed{seed}.{prompts}.log",
    benchmark:
        "logs/benchmark/recommend/{dataset}.{split}.{part}.{run}.seed{seed}.{prompts}.tsv"
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
        device=CONFIG.device,
        top_k=CONFIG.top_k,
        code=run_code("recommend"),
    script:
        "../scripts/recommend.py"


rule import_recommendations:
    input:
        lists=PLAN.external_file,
        catalogue="results/{dataset}/items.parquet",
        sessions="results/{dataset}/sessions.parquet",
        preparation="results/{dataset}/preparation.json",
    output:
        lists="results/{dataset}/{split}/full/{run}/seed{seed}/recommendations.test.parquet",
        facts="results/{dataset}/{split}/full/{run}/seed{seed}/run.json",
    log:
        "logs/import_recommendations/{dataset}.{split}.{run}.seed{seed}.log",
    benchmark:
        "logs/benchmark/import_recommendations/{dataset}.{split}.{run}.seed{seed}.tsv"
    wildcard_constraints:
        run=one_of(PLAN.external),
    conda:
        "../../envs/models.yaml"
    envmodules:
        "llmseqrec/models",
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        run=PLAN.run_params,
        code=run_code("import_recommendations"),
    script:
        "../scripts/import_recommendations.py"
