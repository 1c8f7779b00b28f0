"""Every environment holds what its file names, and all that the scripts of its rules import."""

import os
import subprocess
from pathlib import Path

import pytest

from envs.generate import ENVIRONMENTS
from tests.conftest import ROOT
from tests.envs.environments import pins, pip
from tests.unit.import_chains import chain, foreign, normalised, own_modules, stages

# A name of a chain is a module, or something in one.
IMPORT_ALL = """
import sys
from importlib import import_module
for name in sys.stdin.read().split():
    try:
        import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        if not module or not hasattr(import_module(module), attribute):
            print(name)
"""


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_it_holds_the_pinned_packages_and_no_others(name: str, roots: dict[str, Path]) -> None:
    python = str(roots[name] / "bin" / "python")
    frozen = pip("--python", python, "list", "--format", "freeze").split()
    # The build of torch, as in 2.13.0+cpu, is the machine's.
    found = {line.partition("+")[0] for line in frozen}
    assert {f"{normalised(p)}=={v}" for p, v in (line.split("==") for line in found)} == set(
        pins(name)
    )


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_all_that_its_scripts_can_import_is_there(name: str, roots: dict[str, Path]) -> None:
    chains = set[str]().union(*(chain(script) for script in stages()[name]))
    done = subprocess.run(
        [roots[name] / "bin" / "python", "-c", IMPORT_ALL],
        input="\n".join(sorted(own_modules(chains)) + sorted(foreign(chains))),
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == []
