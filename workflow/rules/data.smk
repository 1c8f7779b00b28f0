rule generate_sample:
    output:
        reviews="resources/{dataset}/reviews_Sample.json.gz",
        metadata="resources/{dataset}/meta_Sample.json.gz",
    params:
        sample=lambda wildcards: CONFIG.datasets[wildcards.dataset].sample.model_dump(),
        code=code_fingerprint(script_of("generate_sample")),
    wildcard_constraints:
        dataset=one_of(SAMPLES),
    log:
        "logs/generate_sample/{dataset}.log",
    benchmark:
        "logs/benchmark/generate_sample/{dataset}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    conda:
        "../../envs/core.yaml"
    envmodules:
        "llmseqrec/core",
    script:
        "../scripts/generate_sample.py"


rule download_raw:
    output:
        "resources/{dataset}/{file}",
    params:
        raw=lambda wildcards: raw_file(wildcards).model_dump(),
    wildcard_constraints:
        dataset=one_of(set(CONFIG.datasets) - SAMPLES),
    log:
        "logs/download_raw/{dataset}.{file}.log",
    benchmark:
        "logs/benchmark/download_raw/{dataset}.{file}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=240,
    conda:
        "../../envs/core.yaml"
    envmodules:
        "llmseqrec/core",
    script:
        "../scripts/download_raw.py"


rule prepare_sessions:
    input:
        unpack(raw_files),
    output:
        catalogue="results/{dataset}/items.parquet",
        sessions="results/{dataset}/sessions.parquet",
        interactions="results/{dataset}/interactions.parquet",
        reviews="results/{dataset}/reviews.parquet",
        preparation="results/{dataset}/preparation.json",
    params:
        dataset=dataset_params,
        code=lambda wildcards: code_fingerprint(
            script_of("prepare_sessions"),
            [RAW_FORMATS[CONFIG.datasets[wildcards.dataset].format]],
        ),
    log:
        "logs/prepare_sessions/{dataset}.log",
    benchmark:
        "logs/benchmark/prepare_sessions/{dataset}.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    conda:
        "../../envs/core.yaml"
    envmodules:
        "llmseqrec/core",
    script:
        "../scripts/prepare_sessions.py"


rule split_sessions:
    input:
        sessions="results/{dataset}/sessions.parquet",
        interactions="results/{dataset}/interactions.parquet",
        membership=membership_file,
    output:
        directory("results/{dataset}/{split}/{part}/{subset}"),
    params:
        split=split_params,
        code=code_fingerprint(script_of("split_sessions")),
    log:
        "logs/split_sessions/{dataset}.{split}.{part}.{subset}.log",
    benchmark:
        "logs/benchmark/split_sessions/{dataset}.{split}.{part}.{subset}.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    conda:
        "../../envs/core.yaml"
    envmodules:
        "llmseqrec/core",
    script:
        "../scripts/split_sessions.py"


rule describe_split:
    input:
        catalogue="results/{dataset}/items.parquet",
        sessions="results/{dataset}/sessions.parquet",
        interactions="results/{dataset}/interactions.parquet",
        preparation="results/{dataset}/preparation.json",
        membership=membership_file,
    output:
        "results/{dataset}/{split}/statistics.json",
    params:
        split=split_params,
        code=code_fingerprint(script_of("describe_split")),
    log:
        "logs/describe_split/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/describe_split/{dataset}.{split}.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    conda:
        "../../envs/core.yaml"
    envmodules:
        "llmseqrec/core",
    script:
        "../scripts/describe_split.py"
