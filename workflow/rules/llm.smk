from llmseqrec.plan_prompts import PromptedRuns

PROMPTED = PromptedRuns(PLAN)


rule build_prompts:
    input:
        unpack(PROMPTED.prompt_inputs),
    output:
        training="results/{dataset}/{split}/{part}/{run}/seed{seed}/prompts/training.jsonl",
        validation="results/{dataset}/{split}/{part}/{run}/seed{seed}/prompts/validation.jsonl",
        names="results/{dataset}/{split}/{part}/{run}/seed{seed}/prompts/names.json",
    log:
        "logs/build_prompts/{dataset}.{split}.{part}.{run}.seed{seed}.log",
    benchmark:
        "logs/benchmark/build_prompts/{dataset}.{split}.{part}.{run}.seed{seed}.tsv"
    wildcard_constraints:
        run=one_of(PROMPTED.tuned),
    conda:
        "../../envs/llm.yaml"
    envmodules:
        "llmseqrec/llm",
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        run=PROMPTED.prompt_params,
        code=PROMPTED.code("build_prompts"),
    script:
        "../scripts/build_prompts.py"


rule build_questions:
    input:
        unpack(PROMPTED.prompt_inputs),
        prompts="results/{dataset}/{split}/{part}/{prompts}",
    output:
        "results/{dataset}/{split}/{part}/{run}/seed{seed}/prompts/{prompts}.jsonl",
    log:
        "logs/build_questions/{dataset}.{split}.{part}.{run}.seed{seed}.{prompts}.log",
    benchmark:
        "logs/benchmark/build_questions/{dataset}.{split}.{part}.{run}.seed{seed}.{prompts}.tsv"
    wildcard_constraints:
        run=one_of(PROMPTED.names),
    conda:
        "../../envs/llm.yaml"
    envmodules:
        "llmseqrec/llm",
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        run=PROMPTED.prompt_params,
        code=PROMPTED.code("build_questions"),
    script:
        "../scripts/build_questions.py"


rule finetune_llm:
    input:
        training="results/{dataset}/{split}/{part}/{run}/seed{seed}/prompts/training.jsonl",
        validation="results/{dataset}/{split}/{part}/{run}/seed{seed}/prompts/validation.jsonl",
        names="results/{dataset}/{split}/{part}/{run}/seed{seed}/prompts/names.json",
    output:
        directory("results/{dataset}/{split}/{part}/{run}/seed{seed}/language_model"),
    log:
        "logs/finetune_llm/{dataset}.{split}.{part}.{run}.seed{seed}.log",
    benchmark:
        "logs/benchmark/finetune_llm/{dataset}.{split}.{part}.{run}.seed{seed}.tsv"
    wildcard_constraints:
        run=one_of(PROMPTED.tuned),
    conda:
        "../../envs/llm.yaml"
    envmodules:
        "llmseqrec/llm",
    threads: 2
    resources:
        mem_mb=memory(8000),
        runtime=2880,
        gpu=PLAN.gpu_of,
    params:
        language_model=PROMPTED.tuning_params,
        device=CONFIG.device,
        code=PROMPTED.code("finetune_llm"),
    script:
        "../scripts/finetune_llm.py"


rule generate:
    input:
        unpack(PROMPTED.asking_inputs),
        questions="results/{dataset}/{split}/{part}/{run}/seed{seed}/prompts/{prompts}.jsonl",
    output:
        answers="results/{dataset}/{split}/{part}/{run}/seed{seed}/answers.{prompts}.parquet",
        facts="results/{dataset}/{split}/{part}/{run}/seed{seed}/answers.{prompts}.json",
    log:
        "logs/generate/{dataset}.{split}.{part}.{run}.seed{seed}.{prompts}.log",
    benchmark:
        "logs/benchmark/generate/{dataset}.{split}.{part}.{run}.seed{seed}.{prompts}.tsv"
    wildcard_constraints:
        run=one_of(PROMPTED.names),
    conda:
        "../../envs/llm.yaml"
    envmodules:
        "llmseqrec/llm",
    threads: 2
    resources:
        mem_mb=memory(8000),
        runtime=2880,
        gpu=PLAN.gpu_of,
    params:
        run=PLAN.run_params,
        device=CONFIG.device,
        code=PROMPTED.code("generate"),
    script:
        "../scripts/generate.py"


rule resolve_generations:
    input:
        unpack(PROMPTED.resolution_inputs),
        answers="results/{dataset}/{split}/{part}/{run}/seed{seed}/answers.{prompts}.parquet",
        prompts="results/{dataset}/{split}/{part}/{prompts}",
    output:
        lists="results/{dataset}/{split}/{part}/{run}/seed{seed}/recommendations.{prompts}.parquet",
        names="results/{dataset}/{split}/{part}/{run}/seed{seed}/names.{prompts}.json",
    log:
        "logs/resolve_generations/{dataset}.{split}.{part}.{run}.seed{seed}.{prompts}.log",
    benchmark:
        "logs/benchmark/resolve_generations/{dataset}.{split}.{part}.{run}.seed{seed}.{prompts}.tsv"
    wildcard_constraints:
        run=one_of(PROMPTED.names),
    conda:
        "../../envs/llm.yaml"
    envmodules:
        "llmseqrec/llm",
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=120,
        gpu=PROMPTED.resolution_gpu,
    params:
        run=PLAN.run_params,
        device=CONFIG.device,
        code=PROMPTED.code("resolve_generations"),
    script:
        "../scripts/resolve_generations.py"


rule describe_run:
    input:
        unpack(PROMPTED.description_inputs),
    output:
        "results/{dataset}/{split}/{part}/{run}/seed{seed}/run.json",
    log:
        "logs/describe_run/{dataset}.{split}.{part}.{run}.seed{seed}.log",
    benchmark:
        "logs/benchmark/describe_run/{dataset}.{split}.{part}.{run}.seed{seed}.tsv"
    wildcard_constraints:
        run=one_of(PROMPTED.names),
    conda:
        "../../envs/llm.yaml"
    envmodules:
        "llmseqrec/llm",
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=10,
    params:
        run=PLAN.run_params,
        code=PROMPTED.code("describe_run"),
    script:
        "../scripts/describe_run.py"


rule build_prompted:
    input:
        results=PROMPTED.table_inputs,
        statistics="results/{dataset}/{split}/statistics.json",
    output:
        csv="results/tables/prompts.{dataset}.{split}.csv",
        md="results/tables/prompts.{dataset}.{split}.md",
        tex="results/tables/prompts.{dataset}.{split}.tex",
        html=report(
            "results/tables/prompts.{dataset}.{split}.html",
            caption="../report/prompted.rst",
            category="{dataset}",
            subcategory="{split}",
            labels={"result": "prompted language models"},
        ),
    log:
        "logs/build_prompted/{dataset}.{split}.log",
    benchmark:
        "logs/benchmark/build_prompted/{dataset}.{split}.tsv"
    conda:
        "../../envs/evaluation.yaml"
    envmodules:
        "llmseqrec/evaluation",
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        dataset=PLAN.label_params,
        runs=PROMPTED.table_runs,
        seeds=CONFIG.seeds,
        code=code("build_prompted"),
    script:
        "../scripts/build_prompted.py"
