from llmseqrec.plan_prompts import PromptedRuns

SEARCHED_PROMPTS = PromptedRuns(PLAN)


wildcard_constraints:
    search=one_of(PLAN.searches.asked),
    variant=r"[a-z0-9_]+",
    worker=r"\d+",


# One job a worker; the jobs of a variant share one study. The inputs are of the folds only.
rule tune_model:
    input:
        unpack(PLAN.searches.inputs),
        unpack(SEARCHED_PROMPTS.search_inputs),
    output:
        "results/{dataset}/{split}/search/{search}/{variant}.worker{worker}.json",
    log:
        "logs/tune_model/{dataset}.{split}.{search}.{variant}.worker{worker}.log",
    benchmark:
        "logs/benchmark/tune_model/{dataset}.{split}.{search}.{variant}.worker{worker}.tsv"
    conda:
        "../../envs/search.yaml"
    envmodules:
        "llmseqrec/search",
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=PLAN.searches.minutes_of,
        gpu=PLAN.searches.gpu_of,
    params:
        task=lambda w: PLAN.searches.task(w.search, w.variant),
        asked=SEARCHED_PROMPTS.searched_files,
        device=CONFIG.device,
        code=PLAN.search_code,
    script:
        "../scripts/tune_model.py"


rule merge_study:
    input:
        PLAN.searches.worker_files,
    output:
        best="results/{dataset}/{split}/search/{search}/best.yaml",
        trials="results/{dataset}/{split}/search/{search}/trials.parquet",
        importance="results/{dataset}/{split}/search/{search}/importance.json",
    log:
        "logs/merge_study/{dataset}.{split}.{search}.log",
    benchmark:
        "logs/benchmark/merge_study/{dataset}.{split}.{search}.tsv"
    conda:
        "../../envs/search.yaml"
    envmodules:
        "llmseqrec/search",
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        workers=PLAN.searches.first_workers,
        tasks=PLAN.searches.tasks,
        published=PLAN.searches.published_values,
        left_out=PLAN.searches.left_out,
        code=code("merge_study"),
    script:
        "../scripts/merge_study.py"


rule plot_search:
    input:
        trials=PLAN.searches.result("trials.parquet"),
        importance=PLAN.searches.result("importance.json"),
    output:
        history=report(
            multiext("results/figures/search_history.{search}", ".png", ".pdf"),
            category="searches",
            subcategory="{search}",
            labels={"result": "history"},
        ),
        importance=multiext("results/figures/search_importance.{search}", ".png", ".pdf"),
        values=multiext("results/figures/search_values.{search}", ".png", ".pdf"),
    log:
        "logs/plot_search/{search}.log",
    benchmark:
        "logs/benchmark/plot_search/{search}.tsv"
    conda:
        "../../envs/figures.yaml"
    envmodules:
        "llmseqrec/figures",
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        title=PLAN.searches.title_of,
        code=code("plot_search"),
    script:
        "../scripts/plot_search.py"


rule build_choices:
    input:
        PLAN.searches.result("best.yaml"),
    output:
        multiext("results/tables/choices.{search}", ".csv", ".md", ".tex", ".html"),
    log:
        "logs/build_choices/{search}.log",
    benchmark:
        "logs/benchmark/build_choices/{search}.tsv"
    conda:
        "../../envs/evaluation.yaml"
    envmodules:
        "llmseqrec/evaluation",
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        title=PLAN.searches.title_of,
        code=code("build_choices"),
    script:
        "../scripts/build_choices.py"


rule build_searches:
    input:
        PLAN.searches.best_files,
    output:
        multiext("results/tables/searches", ".csv", ".md", ".tex", ".html"),
    log:
        "logs/build_searches/all.log",
    benchmark:
        "logs/benchmark/build_searches/all.tsv"
    conda:
        "../../envs/evaluation.yaml"
    envmodules:
        "llmseqrec/evaluation",
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        titles=PLAN.searches.titles,
        code=code("build_searches"),
    script:
        "../scripts/build_searches.py"
