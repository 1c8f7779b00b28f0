"""Every configuration can be planned, and what cannot be run here says why."""

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from llmseqrec.config import read_config
from llmseqrec.config_docs import reference_page, schema_json
from llmseqrec.contracts import read_json
from tests.conftest import tiny_content, tiny_rows
from tests.workflow.copies import ROOT, copy_project, run

CONFIGS = sorted(
    p for p in (ROOT / "config").glob("*.yaml") if p.name not in ("prices.yaml", "spaces.yaml")
)


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


def test_overlay_is_planned_with_the_configuration_it_belongs_to(tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "interactions.csv.gz").touch()
    (raw / "movies.dat.gz").touch()
    files = ("config/config.yaml", "config/overlays/movielens_ordered.yaml")
    there = f"datasets={{movielens_ordered: {{raw_dir: {raw}}}}}"
    planned = run(folder, "--dry-run", "--configfile", *files, "--config", there)
    assert planned.returncode == 0, planned.stderr
    assert "results/movielens_ordered/items.parquet" in planned.stdout + planned.stderr


def test_searches_are_planned_with_all_their_workers(tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")
    files = ("config/quickstart.yaml", "config/overlays/sample_search.yaml")
    planned = run(folder, "--dry-run", "--configfile", *files)
    assert planned.returncode == 0, planned.stderr
    out = planned.stdout + planned.stderr
    workers = ("sknn/all.worker2", "blend/all.worker1", "sasrec/free.worker2")
    for worker in workers:
        assert f"results/sample/temporal/search/{worker}.json" in out
    assert "full/sasrec_tuned/seed2/metrics.test.json" in out


def test_documented_dataset_runs_to_its_table(tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")
    page = (ROOT / "docs" / "add-a-dataset.md").read_text()
    content = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    raw = tmp_path / "shop"
    raw.mkdir()
    content["datasets"]["mine"]["raw_dir"] = str(raw)
    content["tie_shuffles"] = 2
    content["runs"].pop("similar")  # the embedding has a test of its own
    content["experiments"][0]["runs"].remove("similar")
    content["comparisons"] = [["v_sknn", "popular"]]
    (folder / "config" / "mine.yaml").write_text(yaml.safe_dump(content))
    rows = [
        (f"u{user}", f"s{(user + step) % 9}", 86_400 * (user + step))
        for user in range(60)
        for step in range(6)
    ]
    orders = pd.DataFrame(rows, columns=["customer", "sku", "time"])
    orders.to_csv(raw / "orders.csv.gz", index=False)
    items = pd.DataFrame({"sku": [f"s{n}" for n in range(9)]}).assign(name="Thing", path="a|b")
    items.to_csv(raw / "items.csv", index=False)
    done = run(folder, "--configfile", "config/mine.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    board = pd.read_csv(folder / "results" / "tables" / "leaderboard.mine.temporal.csv")
    assert board["model"].tolist() == ["V-SKNN", "MostPopular"]
    (statement,) = read_json(folder / "results" / "tables" / "statements.mine.temporal.json")
    assert (statement["a"], statement["b"]) == ("v_sknn", "popular")
    assert statement["within_ties"] is not None  # ties were shuffled
    page = (folder / "results" / "tables" / "comparison.mine.temporal.md").read_text()
    assert statement["text"] in page
    # Another look of a table is a matter of tables and figures alone.
    script = folder / "workflow" / "scripts" / "build_leaderboard.py"
    script.write_text(script.read_text() + "REDRAWN = True\n")
    again = run(folder, "tables", "figures", "--dry-run", "--configfile", "config/mine.yaml")
    planned = set(re.findall(r"^(?:local)?rule (\w+):", again.stdout + again.stderr, re.M))
    assert "build_leaderboard" in planned
    finished = {name for name in planned if not name.startswith(("build_", "plot_"))}
    assert finished <= {"tables", "figures"}


def test_runs_without_their_data_stand_in_the_table_with_the_reason(tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")
    board = "results/tables/leaderboard.delivery_hero.temporal"
    study = "results/tables/study_table5"
    done = run(folder, f"{board}.html", f"{study}.html")
    assert done.returncode == 0, done.stderr
    rows = pd.read_csv(folder / f"{study}.csv")
    assert len(rows) == 20  # of 16 models, four of which have two runs here
    assert set(rows["note"].str.split("; ").str[0]) == {"not run: private data: set raw_dir"}
    table = pd.read_csv(folder / f"{board}.csv").set_index("model")
    row = table.loc["V-SKNN"]
    assert (row["status"], row["note"]) == ("not run", "not run: private data: set raw_dir")
    assert table.loc["SKNN", "ndcg@20_published"] == 0.113


def test_runs_without_weights_stand_in_the_table_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    folder = copy_project(tmp_path / "project")
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "rows.csv").write_text("\n".join(tiny_rows()) + "\n")
    shipped = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    content = tiny_content(raw) | {key: shipped[key] for key in ("embeddings", "reductions")}
    content["datasets"]["tiny"]["borrows"] = "beauty"
    content["runs"]["bert2sasrec"] = shipped["runs"]["bert2sasrec"]
    content["experiments"][0]["runs"] = ["most_popular", "bert2sasrec"]
    (folder / "config" / "bert.yaml").write_text(yaml.safe_dump(content))
    done = run(folder, "tables", "--configfile", "config/bert.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    table = pd.read_csv(folder / "results" / "tables" / "leaderboard.tiny.temporal.csv")
    rows = table.set_index("model")["note"]
    assert rows["BERT2SASRec (settings of LLM2SASRec)"].startswith(
        "not run: weights unavailable: bert-base-uncased "
    )
    assert table.set_index("model").loc["MostPopular", "status"] == "ran"


def test_published_settings_bring_their_reduction(tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")
    model = "results/beauty/published/full/llm2bert4rec_published/seed1/model/model.safetensors"
    planned = run(folder, "--dry-run", model)
    assert planned.returncode == 0, planned.stderr
    assert "embeddings/minilm.published_lda_448.npy" in planned.stdout + planned.stderr


def test_strict_stops_at_a_run_that_cannot_be_done(tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")
    done = run(folder, "--dry-run", "--config", "strict=true", "only=[delivery_hero]")
    assert done.returncode != 0
    out = done.stdout + done.stderr
    for name in ("most_popular", "sasrec"):  # a line each
        line = f"strict: {name} on delivery_hero, temporal cannot run: private data: set raw_dir"
        assert line in map(str.strip, out.splitlines())
