from llmseqrec.config import parse_config
from llmseqrec.plan import Plan
from llmseqrec.registry import EMBEDDING_PROVIDERS, RAW_FORMATS
from llmseqrec.workflow_claims import Claims

try:
    CLAIMS = Claims(Path(".snakemake")) if workflow.is_main_process else None
    CONFIG = parse_config(config)
    PLAN = Plan(CONFIG, Path(workflow.basedir))
except InputError as problem:
    raise WorkflowError(str(problem))


def claim_own_files():
    """Before the first job, and not in a dry run: nobody else is to make the same files."""
    noted = workflow.persistence
    try:
        CLAIMS.claim(noted.all_outputfiles(), noted.all_inputfiles())
    except InputError as problem:
        raise WorkflowError(str(problem))


def start_jobs_without_a_limit():
    """No limit of starts a second on this machine: each job that ends would leave a timer behind.

    Each timer looks at all that is ready once a second, for ever: after 250 jobs that took a third
    of a core. On a cluster the profile has a longer time in place of a second. A limit that is not
    Snakemake's default was asked for, and stays.
    """
    limit = workflow.scheduler.job_rate_limiter
    if workflow.local_exec and limit and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


def one_of(names):
    """A wildcard constraint that allows these names only."""
    return "|".join(sorted(names)) or "(?!)"


def code(rule_name, select=None):
    """Fingerprint of a rule's script and of the module that `select` names for its wildcards."""
    if select is None:
        return PLAN.code(rule_name)
    return lambda wildcards: PLAN.code(rule_name, select(wildcards))


def run_code(rule_name):
    """Fingerprint of a rule's script and of the classes the run selects."""
    return lambda wildcards: PLAN.run_code(rule_name, wildcards)


def memory(mb):
    """MB that a job asks for: as much again each time it is tried again."""
    return lambda wildcards, attempt: attempt * mb


wildcard_constraints:
    dataset=one_of(CONFIG.datasets),
    split=r"[a-z0-9_]+",
    part=r"full|fold\d+",
    run=one_of(CONFIG.runs),
    seed=r"\d+",
    subset="train|valid|test",
    prompts="train|valid|test",
    embedding=one_of(CONFIG.embeddings),
    reduction=one_of(CONFIG.reductions),
