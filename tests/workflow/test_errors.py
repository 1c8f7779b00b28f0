"""Bad input stops the workflow with one helpful line, and leaves nothing half-written."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT, tiny_content, tiny_rows
from tests.workflow.copies import copy_project, run


def snakemake(folder: Path, content: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Run the workflow on a configuration, in a working folder of its own."""
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(content))
    command = ["-m", "snakemake", "--cores", "1", "--configfile", str(path)]
    return subprocess.run(
        [sys.executable, *command, "--directory", str(folder), "--quiet", "progress", "rules"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def write_rows(folder: Path, rows: list[str]) -> dict[str, Any]:
    """Raw files in raw/, and the configuration that reads them."""
    (folder / "raw").mkdir()
    (folder / "raw" / "rows.csv").write_text("\n".join(rows) + "\n")
    return tiny_content(folder / "raw")


def helpful(done: subprocess.CompletedProcess[str], message: str) -> None:
    """The run failed, exactly one line says why, and there is no traceback."""
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert lines.count(message) == 1, done.stderr
    assert [line for line in lines if line.startswith("error: ") and line != message] == []


def test_a_mistyped_key_stops_it_before_any_job(tmp_path: Path) -> None:
    content = tiny_content(tmp_path / "raw") | {"sedes": [1]}
    helpful(snakemake(tmp_path, content), "config: sedes: unknown key")
    assert not (tmp_path / "results").exists()


def refused(*arguments: str) -> list[str]:
    """Lines of a dry run, which prints to standard output, that has failed without a traceback."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    return (done.stdout + done.stderr).splitlines()


def test_a_repeated_key_stops_it_before_any_job(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(tiny_content(tmp_path / "raw")) + "top_k: 3\n")
    line = path.read_text().count("\n")
    message = f"{path}: not valid YAML, line {line}: the key 'top_k' stands there twice"
    assert message in refused("--configfile", str(path))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("top_k=many", "config: top_k: Input should be a valid integer"),
        ("datasets={../../x: {}}", "config: datasets.../../x.[key]: String should match pattern"),
    ],
)
def test_a_value_of_the_command_line_is_refused_by_name(given: str, message: str) -> None:
    lines = refused("--configfile", "config/quickstart.yaml", "--config", given)
    assert [line for line in lines if line.startswith(message)]


def test_a_missing_raw_file_stops_it_before_any_job(tmp_path: Path) -> None:
    message = f"datasets.tiny.raw.interactions: no such file: {tmp_path / 'raw' / 'rows.csv'}"
    helpful(snakemake(tmp_path, tiny_content(tmp_path / "raw")), message)
    assert not (tmp_path / "results").exists()


def test_a_missing_column_stops_the_job_and_leaves_nothing(tmp_path: Path) -> None:
    header, *rows = tiny_rows()
    content = write_rows(tmp_path, [header.replace("item_id", "asin"), *rows])
    done = snakemake(tmp_path, content)
    path = tmp_path / "raw" / "rows.csv"
    found = "it has session_id, asin, timestamp, title, category"
    helpful(done, f"error: {path}: lacks the column 'item_id'; {found}")
    assert [path for path in (tmp_path / "results").rglob("*") if path.is_file()] == []
    assert "lacks the column" in (tmp_path / "logs" / "prepare_sessions" / "tiny.log").read_text()


def test_starts_of_jobs_are_bounded_here_only_where_asked_for(tmp_path: Path) -> None:
    told = 'onsuccess:\n    print("bound:", workflow.scheduler.job_rate_limiter is not None)\n'
    for name, options, bounded in (("own", (), False), ("asked", ("50/1s",), True)):
        folder = copy_project(tmp_path / name)
        with (folder / "Snakefile").open("a") as snakefile:
            snakefile.write(f"\n\n{told}")
        (folder / "own.yaml").write_text(yaml.safe_dump(write_rows(folder, tiny_rows())))
        bound = [f"--max-jobs-per-timespan={text}" for text in options]
        done = run(folder, "--configfile", "own.yaml", *bound, "--", "results/tiny/items.parquet")
        assert done.returncode == 0, done.stderr
        assert f"bound: {bounded}" in done.stdout + done.stderr
