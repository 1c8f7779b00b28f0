"""The part of the plan about costs: which jobs a row of a leaderboard needed. Light to import."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from llmseqrec.plan import Plan
from llmseqrec.plan_tables import files_of_tables
from llmseqrec.shown_paths import without_folders

# Jobs of a seed; a run has those of its kind, and the names of the others stand for nothing.
FITTING = ("build_prompts", "finetune_llm", "describe_run", "train_model")
ASKING = ("build_questions", "generate", "resolve_generations", "recommend", "evaluate")


class CostPlan:
    """Names of jobs, as `measurements` has them, of every row.

    Args:
        plan: of the configuration.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @property
    def tables(self) -> list[str]:
        """Every file of the table."""
        return files_of_tables(["costs"])

    def rows(self) -> list[dict[str, Any]]:
        """Display names and jobs of every row, or the reason why it could not run."""
        return [row for pair in self.plan.experiments() for row in self.rows_of(*pair)]

    def rows_of(self, dataset: str, split: str) -> list[dict[str, Any]]:
        """Those of one experiment."""
        config, found = self.plan.config, []
        for name in self.plan.named_runs(dataset, split):
            reason = self.plan.not_run.get((dataset, split, name))
            rest = (
                {"reason": without_folders(reason)}
                if reason
                else {"jobs": self.jobs(dataset, split, name)}
            )
            shown = config.datasets[dataset].display
            row = {"run": config.runs[name].display, "dataset": shown, "split": split}
            found.append(row | rest)
        return found

    def jobs(self, dataset: str, split: str, run: str) -> list[str]:
        """Jobs that a row needed, from its item vectors to its metrics.

        Not those that prepare the dataset, which all rows share, nor studies of the row.
        """
        asked = [
            f"{rule}/{stem}.test"
            for rule in ASKING
            for stem in self._stems((dataset, split, "full"), run)
        ]
        imported = [
            f"import_recommendations/{dataset}.{split}.{run}.seed{seed}"
            for seed in self.plan.seeds_of(dataset, run)
        ]
        return [*dict.fromkeys([*self._fitted((dataset, split, "full"), run), *asked, *imported])]

    def _fitted(self, where: tuple[str, str, str], run: str) -> list[str]:
        """Jobs until a run is fitted on a part, with those of what it is made of."""
        configured = self.plan.config.runs[run]
        jobs = self._vectors(where, run)
        jobs += [f"{rule}/{stem}" for rule in FITTING for stem in self._stems(where, run)]
        for source in self.plan.config.sources_of(run):
            jobs += self._fitted(where, source)
            if configured.prompted:  # prompts may hold another run's lists
                jobs += [f"recommend/{stem}.train" for stem in self._stems(where, source)]
        if configured.search:
            jobs += self._searched(configured.search)
            for part in self.plan.searches.folds(configured.search):
                for component in self.plan.config.components_of(run):
                    jobs += self._fitted((*where[:2], part), component)
        return jobs + self._chosen(*where[:2], run)

    def _stems(self, where: tuple[str, str, str], run: str) -> list[str]:
        """Names of the jobs of every seed of a run on a part.

        On a fold a component has the first seed alone; what is not there does not count.
        """
        seeds = self.plan.seeds_of(where[0], run)
        return [f"{'.'.join(where)}.{run}.seed{seed}" for seed in seeds]

    def _vectors(self, where: tuple[str, str, str], run: str) -> list[str]:
        """Jobs that embed and reduce; of a tuned run, for all vectors its search may choose."""
        names = dict(zip(("dataset", "split", "part"), where, strict=True))
        inputs = self.plan.run_inputs(SimpleNamespace(**names, run=run))
        paths = [inputs.get("vectors"), *inputs.get("candidates", [])]
        return [job for path in paths if path for job in vector_jobs(path)]

    def _searched(self, search: str) -> list[str]:
        asked = self.plan.config.searches[search]
        stem = f"{asked.dataset}.{asked.split}.{search}"
        workers = [
            f"tune_model/{stem}.{variant}.worker{number}"
            for variant in self.plan.searches.variants(search)
            for number in range(1, asked.workers + 1)
        ]
        return [*workers, f"merge_study/{stem}"]

    def _chosen(self, dataset: str, split: str, run: str) -> list[str]:
        """Jobs that choose between the options of a combined run on the folds."""
        parts = self.plan.combinations.parts(dataset, split, run)
        jobs = [f"choose_combination/{dataset}.{split}.{run}"] if parts else []
        for part in parts:
            for component in self.plan.config.runs[run].components:
                jobs += self._fitted((dataset, split, part), component)
        return jobs


def vector_jobs(path: str) -> list[str]:
    """Jobs behind a file of item vectors: results/{dataset}[/{split}/{part}]/embeddings/…"""
    folder, _, file = path.removeprefix("results/").partition("/embeddings/")
    embedding, *reduction = file.split(".")[:-1]
    names = folder.split("/")
    jobs = [f"embed_items/{names[0]}.{embedding}"]
    return jobs + [f"reduce_embeddings/{'.'.join([*names, embedding, r])}" for r in reduction]
