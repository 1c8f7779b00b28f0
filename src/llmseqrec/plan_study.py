"""The part of the plan about the study's Tables 2 to 7. Light to import, like the plan."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

from llmseqrec.plan_tables import files_of_tables
from llmseqrec.resolve import dataset_need

if TYPE_CHECKING:
    from llmseqrec.plan import Plan

# Kinds of the tables that are of no dataset alone, and their published files.
SHARED = {
    "2": ("datasets", "table2_datasets.csv"),
    "3": ("trials", "table3_trials.csv"),
    "7": ("prompts", "table7_finetuned.csv"),
}
# What the study calls models, without item vectors of a language model and with them.
MODEL_NAMES = {
    "llm_seq_sim": ("", "LLMSeqSim"),
    "sknn": ("SKNN", ""),
    "sknn_emb": ("", "SKNNEmb"),
    "sasrec": ("SASRec", "LLM2SASRec"),
    "bert4rec": ("BERT4Rec", "LLM2BERT4Rec"),
    "gru4rec": ("GRU4Rec", "LLM2GRU4Rec"),
    "gen_item": ("", "LLMSeqPromptGenItem"),
    "gen_list": ("", "LLMSeqPromptGenList"),
    "class": ("", "LLMSeqPromptClass"),
    "rank": ("LLMSeqPromptRank", "LLMSeqPromptRank"),
    "sequential_hybrid": ("LLMSeqSim&Sequential", ""),
    "popularity_hybrid": ("LLMSeqSim&Popularity", ""),
}
# The language models of its Table 7, by how the names of services begin.
LANGUAGE_MODELS = {"gpt-3.5-turbo": "GPT", "text-bison": "PaLM"}


class StudyPlan:
    """Files and contents of the study's tables.

    Tables 4 to 6 are made for datasets that name a published table, and the others beside any of
    these.

    Args:
        plan: of the configuration.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.config = plan.config

    @cached_property
    def boards(self) -> dict[str, tuple[str, str]]:
        """Number of a table of accuracy to its dataset and split, the first of several."""
        found: dict[str, tuple[str, str]] = {}
        for pair in self.plan.experiments():
            table = self.plan.published_table_of(*pair)
            number = re.search(r"table(\d+)", table.name) if table else None
            if number:
                found.setdefault(number[1], pair)
        return found

    @property
    def numbers(self) -> list[str]:
        """Numbers of the tables that are made."""
        return sorted([*self.boards, *SHARED]) if self.boards else []

    @property
    def tables(self) -> list[str]:
        """Every file of every table."""
        return files_of_tables(f"study_table{number}" for number in self.numbers)

    def kind(self, wildcards: Any) -> str:
        """Which kind of table it is."""
        return SHARED[wildcards.number][0] if wildcards.number in SHARED else "accuracy"

    def inputs(self, wildcards: Any) -> list[str]:
        """Files that a table is made of, but for published ones."""
        task = self.task(wildcards)
        if wildcards.number == "2":
            return [facts["statistics"] for facts in task["counts"].values()]
        if wildcards.number == "3":
            return [found["best"] for found in task["searches"]]
        if wildcards.number == "7":
            each = task["datasets"].values()
            paths = [path for facts in each for path in (facts["leaderboard"], facts["answers"])]
            return [path for path in paths if path]
        return [path for path in (task["leaderboard"], task["statistics"]) if path]

    def task(self, wildcards: Any) -> dict[str, Any]:
        """Paths and names that a table is made of."""
        if wildcards.number not in SHARED:
            return self._accuracy(wildcards.number)
        kind, name = SHARED[wildcards.number]
        task: dict[str, Any] = {
            "datasets": self._datasets,
            "trials": self._trials,
            "prompts": self._prompts,
        }[kind]()
        return task | {"published": str(self.plan.published / "tables" / name)}

    def _accuracy(self, number: str) -> dict[str, Any]:
        dataset, split = self.boards[number]
        rows = {}
        for run in self.plan.named_runs(dataset, split):
            row = self.plan.published_row(dataset, run)
            if row is not None:
                rows[self.config.runs[run].display] = row
        return {
            "number": number,
            "dataset": self.plan.label_of(dataset, split),
            "split": split,
            "statistics": self._statistics(dataset, split),
            "leaderboard": self._table("leaderboard", dataset, split),
            "published": str(self.plan.published_table_of(dataset, split)),
            "rows": rows,
            "seeds": self.config.seeds,
        }

    def _datasets(self) -> dict[str, Any]:
        counts, missing = {}, {}
        for dataset, split in self.boards.values():
            name, settings = self._name(dataset), self.config.datasets[dataset]
            path = self._statistics(dataset, split)
            if path is None:
                reason = dataset_need(dataset, settings)
                missing[name] = reason or "none of its runs can be done here"
            else:
                core = settings.core
                p_core = core.minimum if core.mode != "none" else None
                counts[name] = {"statistics": path, "p_core": p_core}
        return {"counts": counts, "missing": missing}

    def _trials(self) -> dict[str, Any]:
        named = {dataset: self._name(dataset) for dataset, _ in self.boards.values()}
        searches = self.plan.searches
        found = []
        for search in searches.done:
            asked = searches.asked[search]
            run = self.config.runs[asked.run]
            if asked.dataset in named:
                model = MODEL_NAMES.get(run.model, ("", ""))[run.embedding is not None]
                best = f"{searches.folder(search)}/best.yaml"
                found.append({"model": model, "dataset": named[asked.dataset], "best": best})
        return {"searches": found}

    def _prompts(self) -> dict[str, Any]:
        datasets = {}
        for dataset, split in self.boards.values():
            asked = bool(self.plan.prompted_of(dataset, split))
            datasets[self._name(dataset)] = {
                "leaderboard": self._table("leaderboard", dataset, split),
                "answers": self._table("prompts", dataset, split) if asked else None,
                "rows": self._prompt_rows(dataset, split),
            }
        return {"datasets": datasets}

    def _prompt_rows(self, dataset: str, split: str) -> dict[str, tuple[str, str, str]]:
        """Display name of each run of Table 7 to its task, language model and variant."""
        rows = {}
        for name in self.plan.named_runs(dataset, split):
            run = self.config.runs[name]
            settings = self.plan.resolved[dataset, name].language_model
            model = getattr(settings, "model", "")
            known = [llm for prefix, llm in LANGUAGE_MODELS.items() if model.startswith(prefix)]
            if run.prompted and known:
                variant = "fine-tuned" if run.finetune else "base"
                rows[run.display] = (MODEL_NAMES[run.model][1], known[0], variant)
        return rows

    def _name(self, dataset: str) -> str:
        """What the study calls a dataset."""
        known = self.plan.published_of(dataset).get("name")
        return str(known or self.config.datasets[dataset].display)

    def _statistics(self, dataset: str, split: str) -> str | None:
        done = self.plan.runs_of(dataset, split)
        return f"results/{dataset}/{split}/statistics.json" if done else None

    @staticmethod
    def _table(name: str, dataset: str, split: str) -> str:
        return f"results/tables/{name}.{dataset}.{split}.csv"
