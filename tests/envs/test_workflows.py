"""Every script of a workflow runs in the environment of its stage, here and under SLURM."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from envs.generate import ENVIRONMENTS
from tests.conftest import ROOT
from tests.envs.environments import install_modules, with_modules
from tests.envs.every_stage import FEWEST, WANTED, project
from tests.unit.import_chains import stages
from tests.workflow.copies import contents, copy_project, run

STAGE_OF = {script.name: name for name, scripts in stages().items() for script in scripts}
SLURM = ROOT / "tests" / "slurm"
EXECUTOR = ROOT / ".venv-slurm" / "bin" / "python"
# Jobs of seconds: the executor looks sooner than it would on a cluster.
PROFILE = (
    *("--workflow-profile", "profiles/slurm"),
    *("--slurm-init-seconds-before-status-checks", "8"),
    *("--latency-wait", "5"),
)
# Snakemake's own, of which a script gets the object `snakemake`.
SNAKEMAKE = ("snakemake", "_distutils_hack")


@pytest.fixture(scope="module", autouse=True)
def modules() -> None:
    install_modules()


def ran(
    folder: Path, roots: dict[str, Path], *arguments: str, python: str = sys.executable
) -> set[str]:
    """Run a workflow in the environments; the names of those that its scripts ran in.

    Every script that ran left a record, and the record tells the right environment.
    """
    variables = with_modules(folder, roots) | {"PYTHONDONTWRITEBYTECODE": ""}
    done = run(folder, *arguments, "--sdm", "env-modules", variables=variables, python=python)
    assert done.returncode == 0, done.stderr[-4000:]
    records = [json.loads(path.read_text()) for path in (folder / "records").iterdir()]
    measured = list((folder / "logs" / "benchmark").rglob("*.tsv"))
    assert len(records) == len(measured)  # a job each
    for record in records:
        assert record["prefix"] == str(roots[STAGE_OF[record["script"]]]), record
        assert [name for name in record["borrowed"] if not name.startswith(SNAKEMAKE)] == []
    return {STAGE_OF[record["script"]] for record in records}


def test_quickstart(tmp_path: Path, roots: dict[str, Path]) -> None:
    folder = copy_project(tmp_path / "project")
    stages_seen = ran(folder, roots, "--configfile", "config/quickstart.yaml")
    assert stages_seen == {"data", "models", "evaluation", "figures"}
    assert (folder / "results" / "report" / "index.html").is_file()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, roots: dict[str, Path]) -> Path:
    """A project in which the rules that the quickstart lacks ran on this machine."""
    folder = project(tmp_path_factory.mktemp("here") / "project")
    assert ran(folder, roots, *WANTED, "--configfile", "own.yaml") == set(ENVIRONMENTS)
    return folder


def test_searches_prompts_and_lists_of_others(here: Path) -> None:
    assert [path for path in WANTED if not (here / path).is_file()] == []


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[None]:
    """A small SLURM on this machine; the test is skipped where it cannot be had."""
    if not EXECUTOR.is_file():
        pytest.skip("no executor for SLURM: make slurm")
    tried = subprocess.run([SLURM / "install.sh"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(tried.stderr.strip())
    base = tmp_path / "cluster"
    started = subprocess.run([SLURM / "up.sh", base], capture_output=True, text=True, check=False)
    try:
        assert started.returncode == 0, started.stderr
        yield
    finally:
        subprocess.run([SLURM / "down.sh", base], check=False)


@pytest.mark.usefixtures("cluster")
def test_under_slurm_in_every_environment_with_the_same_results(
    here: Path, tmp_path: Path, roots: dict[str, Path]
) -> None:
    folder = project(tmp_path / "project")
    seen = ran(folder, roots, *FEWEST, "--configfile", "own.yaml", *PROFILE, python=str(EXECUTOR))
    assert seen == set(ENVIRONMENTS)
    expected, found = contents(here), contents(folder)
    assert set(FEWEST) <= {f"results/{name}" for name in found}
    assert [name for name in found if found[name] != expected[name]] == []
