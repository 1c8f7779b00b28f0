"""Every configuration can be planned, and what cannot be run here says why."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from llmseqrec.config import read_config
from llmseqrec.config_docs import reference_page, schema_json
from tests.workflow.copies import ROOT, copy_project, run

CONFIGS = sorted((ROOT / "config").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_dry_run(path: Path, tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")
    planned = run(folder, "--dry-run", "--configfile", f"config/{path.name}")
    assert planned.returncode == 0, planned.stderr
    assert "build_leaderboard" in planned.stdout + planned.stderr


def test_generated_reference_is_in_step() -> None:
    assert (ROOT / "config" / "README.md").read_text() == reference_page()
    assert (ROOT / "config" / "config.schema.json").read_text() == schema_json()


def test_published_parameters_are_accepted() -> None:
    config = read_config(ROOT / "config" / "config.yaml")
    assert config.datasets["delivery_hero"].private


def test_documented_dataset_configuration_is_valid(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "add-a-dataset.md").read_text()
    block = page.split("```yaml\n")[1].split("```")[0]
    path = tmp_path / "mine.yaml"
    path.write_text(block)
    assert read_config(path).datasets["mine"].format == "csv"
    assert yaml.safe_load(block)["runs"]["v_sknn"]["model"] == "sknn"


def test_runs_without_their_data_stand_in_the_table_with_the_reason(tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")
    board = "results/tables/leaderboard.delivery_hero.temporal"
    done = run(folder, f"{board}.html")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(folder / f"{board}.csv").set_index("model")
    row = table.loc["V-SKNN"]
    assert (row["status"], row["note"]) == ("not run", "not run: private data: set raw_dir")
    assert table.loc["SKNN", "ndcg@20_published"] == 0.113


def test_strict_stops_at_a_run_that_cannot_be_done(tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")
    done = run(folder, "--dry-run", "--config", "strict=true")
    assert done.returncode != 0
    assert "strict: most_popular on delivery_hero, temporal cannot run" in done.stdout + done.stderr
