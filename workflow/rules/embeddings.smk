from llmseqrec.registry import MODELS


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
        "../../envs/models.yaml"
    envmodules:
        "llmseqrec/models",
    threads: 2
    resources:
        mem_mb=memory(4000),
        runtime=120,
        gpu=PLAN.embedding_gpu_of,
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
        reduction=one_of(PLAN.reductions_on("catalogue")),
    conda:
        "../../envs/models.yaml"
    envmodules:
        "llmseqrec/models",
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        reduction=lambda w: PLAN.reductions[w.reduction].model_dump(),
        code=PLAN.reduction_code,
    script:
        "../scripts/reduce_embeddings.py"


# The same job, fitted on the items of the training sessions: so it is of a split and a part.
use rule reduce_embeddings as reduce_training_embeddings with:
    input:
        catalogue="results/{dataset}/items.parquet",
        vectors="results/{dataset}/embeddings/{embedding}.npy",
        train="results/{dataset}/{split}/{part}/train",
    output:
        vectors="results/{dataset}/{split}/{part}/embeddings/{embedding}.{reduction}.npy",
        facts="results/{dataset}/{split}/{part}/embeddings/{embedding}.{reduction}.json",
        reduction="results/{dataset}/{split}/{part}/embeddings/{embedding}.{reduction}.safetensors",
    log:
        "logs/reduce_embeddings/{dataset}.{split}.{part}.{embedding}.{reduction}.log",
    benchmark:
        "logs/benchmark/reduce_embeddings/{dataset}.{split}.{part}.{embedding}.{reduction}.tsv"
    wildcard_constraints:
        reduction=one_of(PLAN.reductions_on("training")),


rule compare_similarities:
    input:
        unpack(PLAN.similarities.inputs),
    output:
        csv="results/tables/similarities.{dataset}.{split}.csv",
        md="results/tables/similarities.{dataset}.{split}.md",
        tex="results/tables/similarities.{dataset}.{split}.tex",
        html=report(
            "results/tables/similarities.{dataset}.{split}.html",
            caption="../report/similarities.rst",
            category="{dataset}",
            subcategory="{split}",
            labels={"result": "item vectors"},
        ),
    log:
        "logs/compare_similarities/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/compare_similarities/{dataset}.{split}.tsv"
    conda:
        "../../envs/models.yaml"
    envmodules:
        "llmseqrec/models",
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        dataset=PLAN.label_params,
        variants=PLAN.similarities.variants,
        missing=PLAN.similarities.missing,
        folds=PLAN.similarities.folds,
        k=max(CONFIG.cutoffs),
        seeds=CONFIG.seeds,
        code=code("compare_similarities", lambda _: MODELS["llm_seq_sim"].recommender),
    script:
        "../scripts/compare_similarities.py"
