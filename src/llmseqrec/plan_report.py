"""The part of the plan about the report: what it is made of. Light to import, like the plan."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from llmseqrec.plan import Plan
from llmseqrec.shown_paths import without_folders


class ReportPlan:
    """Files and parameters of the report.

    Args:
        plan: of the configuration.
    """

    folder = "results/report"

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.settings = plan.config.report

    @property
    def run_files(self) -> list[str]:
        """What the pages of runs and the inspector read."""
        return [
            *(
                f"{folder}/{name}"
                for dataset, split in self.plan.done_experiments()
                for run in self.plan.runs_of(dataset, split)
                for folder in self.plan.seed_folders(dataset, split, run)
                for name in ("run.json", "metrics.test.json")
            ),
            *(f for e in self.plan.done_experiments() for f in self._inspected(*e)),
        ]

    def experiments(self) -> list[dict[str, Any]]:
        """What the report tells of each experiment.

        Keys: dataset, split, label (as tables take it), statistics (file or None), runs (by name:
        display, and folders or reason), compared: whether there are statements, inspector: None or
        the reason why it has no sessions.
        """
        return [self._experiment(*pair) for pair in self.plan.experiments()]

    def captions(self) -> dict[str, str]:
        """What stands below a figure, by the first part of its file's name."""
        texts = (self.plan.base / "workflow" / "report").glob("*.rst")
        return {path.stem: path.read_text(encoding="utf-8") for path in sorted(texts)}

    def _experiment(self, dataset: str, split: str) -> dict[str, Any]:
        where = SimpleNamespace(dataset=dataset, split=split)
        return {
            "dataset": dataset,
            "split": split,
            "label": self.plan.label_params(where),
            "statistics": self.plan.statistics_file(where) or None,
            "runs": {
                name: self._run(dataset, split, name)
                for name in self.plan.named_runs(dataset, split)
            },
            "compared": bool(self.plan.comparisons_of(dataset, split)),
            "inspector": self._withheld(dataset, split),
        }

    def _run(self, dataset: str, split: str, name: str) -> dict[str, Any]:
        row: dict[str, Any] = {"display": self.plan.config.runs[name].display}
        reason = self.plan.not_run.get((dataset, split, name))
        folders = None if reason else self.plan.seed_folders(dataset, split, name)
        return row | ({"reason": without_folders(reason)} if reason else {"folders": folders})

    def _withheld(self, dataset: str, split: str) -> str | None:
        """Why the inspector has no sessions of an experiment."""
        if not self.plan.runs_of(dataset, split):
            return "no run could be done"
        if not self.settings.sessions:
            return "report.sessions is 0"
        if self.plan.config.datasets[dataset].private and not self.settings.private:
            return "the dataset is private: its sessions and titles stay out of this report"
        return None

    def _inspected(self, dataset: str, split: str) -> list[str]:
        """Files of the inspector."""
        if self._withheld(dataset, split):
            return []
        folders = [
            Path(self.plan.seed_folders(dataset, split, run)[0])
            for run in self.plan.runs_of(dataset, split)
        ]
        home = f"results/{dataset}"
        lists = [str(folder / "recommendations.test.parquet") for folder in folders]
        return [f"{home}/items.parquet", f"{home}/{split}/full/test", *lists]
