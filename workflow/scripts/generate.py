from pathlib import Path

from llmseqrec.config import parse_config
from llmseqrec.contracts import ANSWERS, write_json, write_table
from llmseqrec.generations import generate, open_provider
from llmseqrec.jobs import job
from llmseqrec.prompting import TaskFiles, open_task
from llmseqrec.resolve import ResolvedRun
from llmseqrec.uploads import Permission

with job(snakemake.log[0]):
    params, wildcards = snakemake.params, snakemake.wildcards
    config, seed = parse_config(snakemake.config), int(wildcards.seed)
    permission = Permission.of(config, wildcards.dataset)
    provider = open_provider(config.language_model_of(wildcards.run), params.device, permission)
    files = TaskFiles.of(snakemake.input)
    task = open_task(ResolvedRun.model_validate(params.run), files, seed)
    questions = Path(snakemake.input.questions)
    table = generate(task, provider, files.language_model, questions, seed)
    write_table(table, Path(snakemake.output.answers), ANSWERS)
    counts = {"answers": len(table), "prompts": table["session_id"].nunique()}
    write_json(counts | {"cost": provider.cost()}, Path(snakemake.output.facts))
