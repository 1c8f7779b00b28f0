"""What lies beside every result: hashes of code, configuration and data, versions, device."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

import llmseqrec

PACKAGE_ROOT = Path(__file__).resolve().parent
# What these decide is in the parameters of a job, by value; following them would make a line in the
# registry rerun everything.
BY_VALUE = frozenset(
    {
        "llmseqrec.config",
        "llmseqrec.registry",
        "llmseqrec.llm.parameters",
        "llmseqrec.models.parameters",
        "llmseqrec.models.combined_parameters",
    }
)
REPORTED_PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "torch", "sentence-transformers")


def digest(content: Any) -> str:
    """Short hash of anything JSON can hold; key order does not count."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
    return hashlib.sha256(orjson.dumps(content, option=options, default=str)).hexdigest()[:16]


def file_digest(path: Path) -> str:
    """sha256 of a file."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def code_fingerprint(script: Path | None = None, modules: Iterable[str] = ()) -> str:
    """Hash of a script and of all first-party modules it, or `modules`, import.

    Computed on the syntax tree without docstrings, so that a comment changes nothing. Files in a
    folder `{module}_assets` beside a module count with it. Modules of `BY_VALUE` do not count.

    Args:
        script: a rule's script.
        modules: dotted names, or "module:Class" strings of the registry.
    """
    pending = {target.partition(":")[0] for target in modules}
    parts = []
    if script is not None:
        source_hash, imported = _fingerprint_of(Path(script))
        parts.append(source_hash)
        pending |= imported
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        path = _module_path(name)
        if name in seen or name in BY_VALUE or path is None:
            continue
        seen.add(name)
        pending |= _fingerprint_of(path)[1]
    parts += [name + _fingerprint_of(_known_path(name))[0] for name in sorted(seen)]
    return digest(parts)


def environment() -> dict[str, str]:
    """Versions of Python, this package and the libraries results depend on."""
    versions = {
        "llmseqrec": llmseqrec.__version__,
        "python": ".".join(map(str, sys.version_info[:3])),
    }
    for package in REPORTED_PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


@cache
def _fingerprint_of(path: Path) -> tuple[str, frozenset[str]]:
    """Hash of one file's syntax tree, and the first-party modules it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = set()
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            imported |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        _drop_docstring(node)
    own = frozenset(name for name in imported if name.split(".")[0] == PACKAGE_ROOT.name)
    found = hashlib.sha256(ast.dump(tree).encode())
    for asset in sorted(path.with_name(f"{path.stem}_assets").glob("*")):
        found.update(asset.read_bytes())
    return found.hexdigest(), own


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """The tree, all its statements and what holds some; expressions, most of the nodes, are not."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        yield node
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            pending += getattr(node, field, ())


def _drop_docstring(node: ast.AST) -> None:
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        node.body = node.body[1:] or [ast.Pass()]


def _module_path(name: str) -> Path | None:
    return _path_below(PACKAGE_ROOT, name)


@cache
def _path_below(root: Path, name: str) -> Path | None:
    head, *rest = name.split(".")
    if head != root.name:
        return None
    base = root.joinpath(*rest)
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _known_path(name: str) -> Path:
    path = _module_path(name)
    if path is None:
        raise ValueError(f"no module {name}")
    return path
