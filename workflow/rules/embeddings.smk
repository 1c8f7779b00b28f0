rule embed_items:
    input:
        catalogue="results/{dataset}/items.parquet",
    output:
        vectors="results/{dataset}/embeddings/{embedding}.npy",
        facts="results/{dataset}/embeddings/{embedding}.json",
    params:
        embedding=embedding_params,
        device=CONFIG.device,
        code=lambda wildcards: code_fingerprint(
            script_of("embed_items"),
            [EMBEDDING_PROVIDERS[CONFIG.embeddings[wildcards.embedding].provider]],
        ),
    log:
        "logs/embed_items/{dataset}.{embedding}.log",
    benchmark:
        "logs/benchmark/embed_items/{dataset}.{embedding}.tsv"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=120,
        gpu=1 if CONFIG.device in ("auto", "cuda") else 0,
    conda:
        "../../envs/torch.yaml"
    envmodules:
        "llmseqrec/torch",
    script:
        "../scripts/embed_items.py"


rule reduce_embeddings:
    input:
        catalogue="results/{dataset}/items.parquet",
        vectors="results/{dataset}/embeddings/{embedding}.npy",
    output:
        vectors="results/{dataset}/embeddings/{embedding}.{reduction}.npy",
        facts="results/{dataset}/embeddings/{embedding}.{reduction}.json",
        reduction="results/{dataset}/embeddings/{embedding}.{reduction}.safetensors",
    params:
        reduction=lambda wildcards: CONFIG.reductions[wildcards.reduction].model_dump(),
        code=lambda wildcards: code_fingerprint(
            script_of("reduce_embeddings"),
            [REDUCERS[CONFIG.reductions[wildcards.reduction].method]],
        ),
    log:
        "logs/reduce_embeddings/{dataset}.{embedding}.{reduction}.log",
    benchmark:
        "logs/benchmark/reduce_embeddings/{dataset}.{embedding}.{reduction}.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    conda:
        "../../envs/core.yaml"
    envmodules:
        "llmseqrec/core",
    script:
        "../scripts/reduce_embeddings.py"
