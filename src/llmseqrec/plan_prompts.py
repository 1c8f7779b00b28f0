"""The part of the plan about runs that ask a language model. Light to import, like the plan."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from llmseqrec.llm.tasks import TASKS
from llmseqrec.llm.templates import template_path
from llmseqrec.plan import Plan
from llmseqrec.registry import EMBEDDING_PROVIDERS, LLM_PROVIDERS, UPLOADING, parameters_class
from llmseqrec.resolve import ResolvedRun

# Of what `train_model` reads, what prompts are made of.
_PROMPTS_READ = ("catalogue", "preparation", "train")
# Of what names are resolved with and models are asked with, what a search reads of each fold.
_SEARCH_READS = ("template", "lists", "vectors", "language_model")
# What of a run's folder the table of prompted runs reads.
_TABLE_FILES = {
    "metrics": "metrics.test.json",
    "names": "names.test.json",
    "answers": "answers.test.json",
    "run": "run.json",
}


class PromptedRuns:
    """Files and parameters of the jobs of prompted runs.

    Args:
        plan: of the configuration.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.config = plan.config

    @property
    def names(self) -> set[str]:
        """Runs that ask a language model."""
        return {name for name, run in self.config.runs.items() if run.prompted}

    @property
    def tuned(self) -> set[str]:
        """Those that fine-tune one of their own."""
        return {name for name, run in self.config.runs.items() if run.tuned}

    # Files

    def prompt_inputs(self, wildcards: Any) -> dict[str, str]:
        """What prompts are made of, but for the sessions to ask about.

        Lists of another run are those of the same part and seed.
        """
        run, parameters = self._of(wildcards)
        shared = self.plan.run_inputs(wildcards)
        files = {name: shared[name] for name in _PROMPTS_READ}
        if run.model == "class" and "vectors" in shared:
            files["vectors"] = shared["vectors"]
        own = Path(parameters.templates) if parameters.templates else None
        files["template"] = _from_here(template_path(parameters.task, own, self.plan.base))
        if parameters.named_run:
            folder = self._folder_of(parameters.named_run, wildcards)
            prompts = getattr(wildcards, "prompts", "train")
            files["lists"] = f"{folder}/recommendations.{prompts}.parquet"
        return files

    def resolution_inputs(self, wildcards: Any) -> dict[str, str]:
        """What names are resolved with."""
        shared = self.plan.run_inputs(wildcards)
        vectors = {"vectors": shared["vectors"]} if "vectors" in shared else {}
        return self.prompt_inputs(wildcards) | vectors

    def asking_inputs(self, wildcards: Any) -> dict[str, str]:
        """What is read to ask: the task's files, and the model unless it is the base model."""
        return self.prompt_inputs(wildcards) | self._model_input(wildcards)

    def description_inputs(self, wildcards: Any) -> dict[str, str]:
        """What run.json tells of; lists are left out, as they are of prompts."""
        files = self.resolution_inputs(wildcards) | self._model_input(wildcards)
        return {name: path for name, path in files.items() if name != "lists"}

    def table_inputs(self, wildcards: Any) -> list[str]:
        """What the table of prompted runs is made of."""
        return [
            path
            for run in self.table_runs(wildcards).values()
            for paths in run["seeds"]
            for path in paths.values()
        ]

    def search_inputs(self, wildcards: Any) -> dict[str, list[str]]:
        """Files that a search asks a prompted run's models with, fold after fold."""
        rows = self._searched(wildcards.search)
        return {"fold_asked": [path for row in rows for path in row.values()]} if rows else {}

    # Parameters of jobs

    def searched_files(self, wildcards: Any) -> list[str]:
        """Names of these files; none where no language model is asked."""
        return [name for row in self._searched(wildcards.search)[:1] for name in row]

    def table_runs(self, wildcards: Any) -> dict[str, dict[str, Any]]:
        """Settings, and files of each seed, of the prompted runs of an experiment."""
        pair = (wildcards.dataset, wildcards.split)
        found = {}
        for name in self.plan.prompted_of(*pair):
            run, parameters = self.config.runs[name], self._parameters(pair[0], name)
            free = None if parameters.constrained else parameters.sampling
            found[run.display] = {
                "task": run.model,
                "language_model": run.language_model,
                "variant": "fine-tuned" if run.finetune else "base",
                "decoding": "free" if free else "constrained",
                "temperature": free.temperature if free else None,
                "top_p": free.top_p if free else None,
                "seeds": [
                    {kind: f"{folder}/{file}" for kind, file in _TABLE_FILES.items()}
                    for folder in self.plan.seed_folders(*pair, name)
                ],
            }
        return found

    def prompt_params(self, wildcards: Any) -> dict[str, Any]:
        """What of a run decides its prompts: not how answers are asked for and read."""
        run, parameters = self._of(wildcards)
        content = run.model_dump(mode="json")
        kept = {k: v for k, v in content["parameters"].items() if k not in parameters.ASKING}
        if run.model != "class":
            content["embedding"] = None
        return content | {"parameters": kept, "finetune": True, "finetuned_by": None}

    def tuning_params(self, wildcards: Any) -> dict[str, Any]:
        """What of a run decides how a language model is trained."""
        settings = self._of(wildcards)[0].language_model
        return settings.model_dump(mode="json") if settings else {}

    def resolution_gpu(self, wildcards: Any) -> int:
        """One GPU for a local encoder of names unless the configuration keeps to the processor."""
        embedding = self._of(wildcards)[0].embedding
        here = embedding is not None and embedding.provider not in UPLOADING
        return int(here and self.config.device in ("auto", "cuda"))

    # Code

    def code(self, rule: str) -> Any:
        """Fingerprint of a rule's script and of the task, model and vectors of its run."""
        return lambda wildcards: self._code(rule, self._of(wildcards)[0])

    def _code(self, rule: str, run: ResolvedRun) -> str:
        modules = [TASKS[run.model]]
        if rule in ("build_prompts", "finetune_llm", "generate") and run.language_model:
            modules.append(LLM_PROVIDERS[run.language_model.provider])
        if rule == "resolve_generations" and run.embedding:
            modules.append(EMBEDDING_PROVIDERS[run.embedding.provider])
        return self.plan.code(rule, *modules)

    def _model_input(self, wildcards: Any) -> dict[str, str]:
        """The folder of the fine-tuned model that a run asks."""
        run = self.config.runs[wildcards.run]
        if not run.finetune:
            return {}
        owner = run.finetuned_by or wildcards.run
        return {"language_model": f"{self._folder_of(owner, wildcards)}/language_model"}

    def _searched(self, name: str) -> list[dict[str, str]]:
        """Files of each fold by name, of the first seed."""
        search = self.plan.searches.asked[name]
        if not self.config.runs[search.run].prompted:
            return []
        seed = str(self.config.seeds[0])
        rows = []
        for part in self.plan.searches.folds(name):
            where = SimpleNamespace(
                dataset=search.dataset, split=search.split, part=part, run=search.run, seed=seed
            )
            where.prompts = "valid"
            files = self.resolution_inputs(where) | self._model_input(where)
            kept = {key: path for key, path in files.items() if key in _SEARCH_READS}
            questions = f"{self._folder_of(search.run, where)}/prompts/valid.jsonl"
            rows.append(kept | {"questions": questions})
        return rows

    def _of(self, wildcards: Any) -> tuple[ResolvedRun, Any]:
        run = self.plan.resolved[wildcards.dataset, wildcards.run]
        return run, self._parameters(wildcards.dataset, wildcards.run)

    def _parameters(self, dataset: str, name: str) -> Any:
        run = self.plan.resolved[dataset, name]
        return parameters_class(run.model)(**run.parameters)

    def _folder_of(self, name: str, wildcards: Any) -> str:
        """Folder of another run of the same split and part, and of the same seed if it has any."""
        chance = self.plan.resolved[wildcards.dataset, name].stochastic
        seed = wildcards.seed if chance else self.config.seeds[0]
        part = f"results/{wildcards.dataset}/{wildcards.split}/{wildcards.part}"
        return f"{part}/{name}/seed{seed}"


def _from_here(path: Path) -> str:
    """A path without the working folder, so that a project that is moved reruns nothing."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
