"""Conda environments hold what the scripts of their rules import, at the locked versions."""

import sys
from importlib.metadata import requires
from itertools import chain as chained
from pathlib import Path

import pytest
import yaml
from packaging.requirements import InvalidRequirement, Requirement

from envs.generate import ENVIRONMENTS, environment, locked_versions
from tests.conftest import ROOT
from tests.unit.import_chains import chain, foreign, imported, normalised, packages, stages

LOCK = (ROOT / "requirements.lock").read_text()
SCRIPTS = sorted((ROOT / "workflow" / "scripts").glob("*.py"))


def pins(name: str) -> dict[str, str]:
    """Versions that an environment file asks for."""
    content = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())
    return dict(pin.split("==") for pin in content["dependencies"][-1]["pip"])


STAGES = stages()


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_environment_is_generated_from_the_lock(name: str) -> None:
    assert (ROOT / "envs" / f"{name}.yaml").read_text() == environment(name, LOCK)
    locked = locked_versions(LOCK) | {"torch": "2.13.0"}
    assert pins(name).items() <= locked.items()


def test_every_script_has_an_environment_and_every_environment_a_rule() -> None:
    assert set(chained.from_iterable(STAGES.values())) == set(SCRIPTS)
    files = {path.stem for path in (ROOT / "envs").glob("*.yaml")}
    assert set(STAGES) == set(ENVIRONMENTS) == files


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_names_what_its_scripts_import_and_nothing_else(name: str) -> None:
    needed = set[str]().union(*(packages(chain(script)) for script in STAGES[name]))
    assert needed == set(ENVIRONMENTS[name])


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_all_that_packages_need_is_pinned_and_nothing_else(name: str) -> None:
    # Asked of the installed packages, not of the lock.
    pinned = pins(name)
    plain = [need for package in pinned for need in needs(package, "")]
    extras = [(need.name, extra) for need in plain for extra in need.extras]
    asked = [*plain, *chained.from_iterable(needs(*each) for each in extras)]
    needed = {normalised(need.name) for need in asked}
    assert needed - set(pinned) <= {"setuptools"}  # torch's, for its compiler; conda's pip has it
    assert set(pinned) - needed <= set(ENVIRONMENTS[name])


def needs(package: str, extra: str) -> list[Requirement]:
    """What an installed package needs on this machine, for itself and for an extra."""
    found = []
    for line in requires(package) or ():
        try:
            need = Requirement(line)
        except InvalidRequirement:
            assert "extra ==" in line  # old style, of an extra that nobody asks for
            continue
        if need.marker is None or need.marker.evaluate({"extra": extra}):
            found.append(need)
    return found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_imports_the_library_first(script: Path) -> None:
    # Foreign packages are the library's to import; from then on an environment can be checked.
    assert foreign(imported(script)) == set()
    assert {name.split(".")[0] for name in imported(script)} <= {
        "llmseqrec",
        *sys.stdlib_module_names,
    }
