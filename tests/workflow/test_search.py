"""A search in the workflow: two workers share it, and its winner is scored on the test set once."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.conftest import tiny_content, tiny_rows
from tests.workflow.copies import copy_project, run

pytestmark = pytest.mark.slow
FOLDER = Path("results/tiny/temporal")


def test_two_workers_search_and_the_winner_is_tested_once(tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")
    raw = folder / "raw"
    raw.mkdir()
    (raw / "rows.csv").write_text("\n".join(tiny_rows()) + "\n")
    content = tiny_content(raw)
    content["datasets"]["tiny"]["splits"]["temporal"]["folds"] = 2
    content["runs"] = {
        "near": {"display": "Near", "model": "cooccurrence"},
        "best": {
            "display": "Best",
            "model": "cooccurrence",
            "params_from": "tuned",
            "search": "near",
        },
    }
    search = {"run": "near", "dataset": "tiny", "split": "temporal", "trials": 20, "workers": 2}
    content["searches"] = {"near": search}
    content["experiments"][0]["runs"] = ["best"]
    (folder / "mine.yaml").write_text(yaml.safe_dump(content))
    metrics = FOLDER / "full" / "best" / "seed1" / "metrics.test.json"
    table = Path("results/tables/choices.near.csv")
    wanted = [str(metrics), str(table), "results/figures/search_values.near.png"]

    searching = run(folder, "--configfile", "mine.yaml", "--", f"{FOLDER}/search/near/best.yaml")
    assert searching.returncode == 0, searching.stderr[-3000:]
    assert not (folder / FOLDER / "full").exists()  # the search knows neither it nor the test set
    done = run(folder, "--configfile", "mine.yaml", "--", *wanted)
    assert done.returncode == 0, done.stderr[-3000:]
    trials = pd.read_parquet(folder / FOLDER / "search" / "near" / "trials.parquet")
    assert len(trials) == 20
    assert trials["parameters"].is_unique
    best = yaml.safe_load((folder / FOLDER / "search" / "near" / "best.yaml").read_text())
    facts = yaml.safe_load((folder / metrics.parent / "run.json").read_text())
    assert facts["run"]["parameters"] == best["parameters"]
    chosen = pd.read_csv(folder / table, keep_default_na=False).set_index("parameter")["chosen"]
    assert chosen["popularity_exponent"] == str(best["chosen"]["popularity_exponent"])
    ledger = pd.read_csv(folder / FOLDER / "test_ledger.csv")
    assert ledger["run"].tolist() == ["best"]
