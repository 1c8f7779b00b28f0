rule generate_sample:
    output:
        reviews="resources/{dataset}/reviews_Sample.json.gz",
        metadata="resources/{dataset}/meta_Sample.json.gz",
    log:
        "logs/generate_sample/{dataset}.log",
    benchmark:
        "logs/benchmark/generate_sample/{dataset}.tsv"
    wildcard_constraints:
        dataset=one_of(PLAN.samples),
    conda:
        "../../envs/data.yaml"
    envmodules:
        "llmseqrec/data",
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        sample=lambda w: CONFIG.datasets[w.dataset].sample.model_dump(),
        code=code("generate_sample"),
    script:
        "../scripts/generate_sample.py"


rule download_raw:
    output:
        "resources/{dataset}/{file}",
    log:
        "logs/download_raw/{dataset}.{file}.log",
    benchmark:
        "logs/benchmark/download_raw/{dataset}.{file}.tsv"
    wildcard_constraints:
        dataset=one_of(set(CONFIG.datasets) - PLAN.samples),
    conda:
        "../../envs/data.yaml"
    envmodules:
        "llmseqrec/data",
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=240,
    params:
        raw=lambda w: PLAN.raw_file(w).model_dump(),
        code=code("download_raw"),
    script:
        "../scripts/download_raw.py"


rule prepare_sessions:
    input:
        unpack(PLAN.raw_files),
    output:
        catalogue="results/{dataset}/items.parquet",
        sessions="results/{dataset}/sessions.parquet",
        interactions="results/{dataset}/interactions.parquet",
        reviews="results/{dataset}/reviews.parquet",
        preparation="results/{dataset}/preparation.json",
    log:
        "logs/prepare_sessions/{dataset}.log",
    benchmark:
        "logs/benchmark/prepare_sessions/{dataset}.tsv"
    conda:
        "../../envs/data.yaml"
    envmodules:
        "llmseqrec/data",
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        dataset=PLAN.dataset_params,
        code=code("prepare_sessions", lambda w: RAW_FORMATS[CONFIG.datasets[w.dataset].format]),
    script:
        "../scripts/prepare_sessions.py"


rule split_sessions:
    input:
        sessions="results/{dataset}/sessions.parquet",
        interactions="results/{dataset}/interactions.parquet",
        membership=PLAN.membership_file,
    output:
        directory("results/{dataset}/{split}/{part}/{subset}"),
    log:
        "logs/split_sessions/{dataset}.{split}.{part}.{subset}.log",
    benchmark:
        "logs/benchmark/split_sessions/{dataset}.{split}.{part}.{subset}.tsv"
    conda:
        "../../envs/data.yaml"
    envmodules:
        "llmseqrec/data",
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=30,
    params:
        split=PLAN.split_params,
        code=code("split_sessions"),
    script:
        "../scripts/split_sessions.py"


rule describe_split:
    input:
        catalogue="results/{dataset}/items.parquet",
        sessions="results/{dataset}/sessions.parquet",
        interactions="results/{dataset}/interactions.parquet",
        preparation="results/{dataset}/preparation.json",
        membership=PLAN.membership_file,
    output:
        "results/{dataset}/{split}/statistics.json",
    log:
        "logs/describe_split/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/describe_split/{dataset}.{split}.tsv"
    conda:
        "../../envs/data.yaml"
    envmodules:
        "llmseqrec/data",
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=30,
    params:
        split=PLAN.split_params,
        code=code("describe_split"),
    script:
        "../scripts/describe_split.py"
