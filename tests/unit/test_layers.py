"""The floors of the library: no arrow runs up, no wing imports its neighbour."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "src" / "llmseqrec"

GROUND = {
    "arrays",
    "config",
    "config_base",
    "config_budget",
    "config_comparisons",
    "config_figures",
    "config_llm",
    "config_reductions",
    "config_report",
    "config_runs",
    "config_search",
    "config_services",
    "config_similarities",
    "contracts",
    "device",
    "errors",
    "jobs",
    "provenance",
    "registry",
    "resolve",
    "seeding",
    "sessions",
    "shown_paths",
    "storage",
    "tensors",
    "uploads",
    "whole_yaml",
    "vector_facts",
    "yaml_files",
}
FLOORS = {
    **dict.fromkeys(GROUND, 0),
    **dict.fromkeys(["data", "services", "evaluation", "reduction", "reporting"], 1),
    **dict.fromkeys(["embeddings", "nn"], 2),
    **dict.fromkeys(["models", "llm"], 3),
}
# What joins all of it: runs, sensitivity, the command line, and tuning, whose trials are runs.
ROOF = 4

# Arrows between neighbours that are meant, each with its reason.
PUBLIC: dict[tuple[str, str], str] = {}


def imports_of(path: Path) -> Iterator[str]:
    """Modules that a file imports when it runs; those for type checkers are left out."""
    pending: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from {f"{node.module}.{alias.name}" for alias in node.names}
        pending.extend(ast.iter_child_nodes(node))


def part_of(module: str) -> str:
    """Top-level module or package under llmseqrec."""
    return module.split(".")[1]


ARROWS = sorted(
    {
        (".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts), target)
        for path in PACKAGE.rglob("*.py")
        for target in imports_of(path)
    }
)
INNER = [arrow for arrow in ARROWS if arrow[1].startswith("llmseqrec.")]


def test_there_are_arrows_to_check() -> None:
    assert ("llmseqrec.sessions", "llmseqrec.arrays.write_array") in INNER


def test_no_arrow_runs_up() -> None:
    wrong = [
        f"{source} -> {target}"
        for source, target in INNER
        if FLOORS.get(part_of(source), ROOF) < FLOORS.get(part_of(target), ROOF)
    ]
    assert wrong == []


def test_neighbours_do_not_import_each_other() -> None:
    wrong = [
        f"{source} -> {target}"
        for source, target in INNER
        if part_of(source) != part_of(target)
        and 0 < FLOORS.get(part_of(source), ROOF) == FLOORS.get(part_of(target), ROOF) < ROOF
        and (source, target.rpartition(".")[0]) not in PUBLIC
    ]
    assert wrong == []


def test_private_names_stay_in_their_module() -> None:
    names = [(source, target.rpartition(".")[2]) for source, target in INNER]
    assert [arrow for arrow in names if arrow[1].startswith("_")] == []


@pytest.mark.parametrize("library", ["snakemake", "pytest", "ranx"])
def test_the_library_does_not_know_its_users(library: str) -> None:
    assert [arrow for arrow in ARROWS if arrow[1].split(".")[0] == library] == []


def test_scripts_are_the_only_ones_that_speak_to_snakemake() -> None:
    assert [path.name for path in PACKAGE.rglob("*.py") if "snakemake." in path.read_text()] == []


def loaded_by(statement: str) -> set[str]:
    """Top-level modules in memory after a statement, in a fresh interpreter."""
    code = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


HEAVY = {
    "torch",
    "sklearn",
    "openai",
    "grpc",
    "transformers",
    "sentence_transformers",
    "pandas",
    "scipy",
    "optuna",
}


@pytest.mark.parametrize("name", ["quickstart", "config"])
def test_parsing_a_configuration_loads_nothing_heavy(name: str) -> None:
    # What the Snakefile imports and does while it is parsed.
    statement = (
        "from llmseqrec import config, plan, provenance, registry\n"
        "from pathlib import Path\n"
        f"made = config.read_config(Path({str(ROOT / 'config' / f'{name}.yaml')!r}))\n"
        f"plan.Plan(made, Path({str(ROOT)!r})).table_files()\n"
    )
    assert not HEAVY & loaded_by(statement)


def test_parameters_of_prompt_tasks_load_nothing_heavy() -> None:
    assert not HEAVY & loaded_by("from llmseqrec.llm import parameters, tasks, templates")


@pytest.mark.parametrize("provider", ["small", "local", "openai", "vertex"])
def test_planning_a_language_model_loads_nothing_heavy(provider: str) -> None:
    assert not HEAVY & loaded_by(f"import llmseqrec.llm.providers.{provider}")


@pytest.mark.parametrize("module", ["models.base", "models.popularity", "data.splits", "runs"])
def test_what_every_job_imports_does_not_load_torch(module: str) -> None:
    assert "torch" not in loaded_by(f"import llmseqrec.{module}")
