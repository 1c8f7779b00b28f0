rule choose_combination:
    input:
        unpack(PLAN.choice_inputs),
    output:
        "results/{dataset}/{split}/combinations/{run}.json",
    log:
        "logs/choose_combination/{dataset}.{split}.{run}.log",
    benchmark:
        "logs/benchmark/choose_combination/{dataset}.{split}.{run}.tsv"
    wildcard_constraints:
        run=one_of(PLAN.combinations.choosing),
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
        seed=CONFIG.seeds[0],
        device=CONFIG.device,
        code=run_code("choose_combination"),
    script:
        "../scripts/choose_combination.py"
