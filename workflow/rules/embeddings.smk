rule embed_items:
    input:
        catalogue="results/{dataset}/items.parquet",
    output:
        vectors="results/{dataset}/embeddings/{embedding}.npy",
        facts="results/{dataset}/embeddings/{embedding}.json",
    log:
        "logs/embed_items/{dataset}.{embedding}.log",
    benchmark:
        "logs/benchmark/embed_items/{dataset}.{embedding}.tsv"
    conda:
        "../../envs/torch.yaml"
    envmodules:
        "llmseqrec/torch",
    threads: 2
    resources:
        mem_mb=4000,
        runtime=120,
        gpu=1 if CONFIG.device in ("auto", "cuda") else 0,
    params:
        embedding=PLAN.embedding_params,
        device=CONFIG.device,
        code=code(
            "embed_items", lambda w: EMBEDDING_PROVIDERS[CONFIG.embeddings[w.embedding].provider]
        ),
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
    log:
        "logs/reduce_embeddings/{dataset}.{embedding}.{reduction}.log",
    benchmark:
        "logs/benchmark/reduce_embeddings/{dataset}.{embedding}.{reduction}.tsv"
    wildcard_constraints:
        reduction=one_of(PLAN.reductions),
    conda:
        "../../envs/core.yaml"
    envmodules:
        "llmseqrec/core",
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        reduction=lambda w: PLAN.reductions[w.reduction].model_dump(),
        code=code("reduce_embeddings", lambda w: REDUCERS[PLAN.reductions[w.reduction].method]),
    script:
        "../scripts/reduce_embeddings.py"
