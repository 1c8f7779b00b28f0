"""What the code never does: unpickle, run what data say, load YAML loosely, or start a shell."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

CODE = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "workflow" / "scripts").glob("*.py")])
SNAKE = [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]
UNPICKLING = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}
RUNNING = {"eval", "exec", "compile", "__import__"}
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
HUB = {"from_pretrained", "snapshot_download", "hf_hub_download"}


def called(node: ast.Call) -> str:
    """What is called, with its dots."""
    return ast.unparse(node.func)


def option(node: ast.Call, name: str) -> str | None:
    """A named argument as it is written."""
    return next((ast.unparse(k.value) for k in node.keywords if k.arg == name), None)


def problems(source: str) -> Iterator[str]:
    """Calls and imports of a module that are not to be there."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            yield from (name for name in names if name.split(".")[0] in UNPICKLING)
        if isinstance(node, ast.Call):
            yield from wrong_call(node)


def wrong_call(node: ast.Call) -> Iterator[str]:
    name = called(node)
    last = name.rpartition(".")[2]
    if name in RUNNING or name in SHELLS:
        yield name
    if last in ("read_pickle", "to_pickle"):
        yield name
    if name == "np.load" and option(node, "allow_pickle") != "False":
        yield f"{name} without allow_pickle=False"
    if option(node, "allow_pickle") == "True":
        yield f"{name} with allow_pickle"
    if name == "torch.load" and option(node, "weights_only") != "True":
        yield f"{name} without weights_only"
    # `_Strict` of yaml_files.py is a SafeLoader, which a test of its own holds.
    safe = last == "safe_load" or option(node, "Loader") == "_Strict"
    if name.startswith("yaml.") and "load" in last and not safe:
        yield f"{name} by an unsafe loader"
    if option(node, "trust_remote_code") not in (None, "False"):
        yield f"{name} with code of others"
    if last in HUB and option(node, "revision") is None and not is_local(node):
        yield f"{name} without a revision"
    if option(node, "shell") not in (None, "False"):
        yield f"{name} by a shell"


def is_local(node: ast.Call) -> bool:
    """Whether a model is read from a folder that was checked before, and from nowhere else."""
    return option(node, "local_files_only") == "True" or "str(folder)" in map(
        ast.unparse, node.args
    )


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_does_none_of_it(path: Path) -> None:
    assert list(problems(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", SNAKE, ids=lambda path: path.name)
def test_rules_run_scripts_alone(path: Path) -> None:
    """A shell command of a rule could be made of names; a `run:` block is no script."""
    lines = {line.strip() for line in path.read_text(encoding="utf-8").splitlines()}
    assert not lines & {"shell:", "run:"}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "eval(text)",
        "exec(compile(text, '', 'exec'))",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "yaml.load(text, Loader=yaml.FullLoader)",
        "yaml.unsafe_load(text)",
        "AutoModel.from_pretrained(name)",
        "AutoModel.from_pretrained(folder, local_files_only=True, trust_remote_code=True)",
        "snapshot_download(name)",
        "subprocess.run(text, shell=True)",
        "os.system(text)",
        "pd.read_pickle(path)",
    ],
)
def test_it_would_be_found(source: str) -> None:
    assert list(problems(source))


def test_the_yaml_loader_is_a_safe_one() -> None:
    import yaml

    from llmseqrec import yaml_files

    assert issubclass(yaml_files._Strict, yaml.SafeLoader)
    safe = yaml.SafeLoader.yaml_constructors
    assert yaml_files._Strict.yaml_constructors == safe
