"""Plain environments that stand for the files of `envs/`, and modules that put them in front."""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from envs.generate import ENVIRONMENTS
from tests.workflow.copies import ROOT

HOME = ROOT / ".envs"
WHEELS = HOME / "wheels"
PROBE = Path(__file__).resolve().parent / "probe"
INIT = Path("/usr/share/modules/init/bash")  # what defines `module` in every bash of a job
MODULE = """#%Module1.0
prepend-path PATH {root}/bin
prepend-path PYTHONPATH {probe}
setenv VIRTUAL_ENV {root}
setenv ENVS_RECORDS {records}
"""


def pins(name: str) -> list[str]:
    """What an environment file asks pip for."""
    content = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())
    return list(content["dependencies"][-1]["pip"])


def pip(*arguments: str) -> str:
    """Call the pip of the tests, since the environments have none, and return what it prints."""
    command = [sys.executable, "-m", "pip", *arguments, "--disable-pip-version-check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def build_all() -> dict[str, Path]:
    """Folder of every environment; made anew where its file changed since the last call."""
    outdated = [name for name in ENVIRONMENTS if not _is_current(name)]
    if outdated:
        _fetch(sorted({pin for name in outdated for pin in pins(name)}))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(_build, outdated))
    return {name: HOME / name for name in ENVIRONMENTS}


def _is_current(name: str) -> bool:
    stamp = HOME / name / "made-from.yaml"
    wanted = (ROOT / "envs" / f"{name}.yaml").read_bytes()
    return stamp.is_file() and stamp.read_bytes() == wanted


def _fetch(packages: Sequence[str]) -> None:
    """Get each package once, not once an environment."""
    WHEELS.mkdir(parents=True, exist_ok=True)
    here = ("--find-links", str(WHEELS), "--dest", str(WHEELS))
    pip("download", "--quiet", "--no-deps", *here, *packages)


def _build(name: str) -> None:
    """An environment with the packages of a file, and not even pip beside them."""
    root = HOME / name
    shutil.rmtree(root, ignore_errors=True)
    venv.create(root, symlinks=True)
    into = ("--python", str(root / "bin" / "python"), "install", "--quiet", "--no-compile")
    pip(*into, "--no-deps", "--no-index", "--find-links", str(WHEELS), *pins(name))
    shutil.copy(ROOT / "envs" / f"{name}.yaml", root / "made-from.yaml")


def install_modules() -> None:
    """Debian's environment-modules, unless they are here; skips the tests where they cannot be."""
    if INIT.is_file():
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("environment-modules is not installed, and only root could install it")
    quiet = {"capture_output": True, "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}}
    subprocess.run(["apt-get", "update"], check=False, **quiet)
    wanted = ("install", "-y", "--no-install-recommends", "environment-modules")
    subprocess.run(["apt-get", *wanted], check=False, **quiet)
    if not INIT.is_file():
        pytest.skip("apt-get could not install environment-modules")


def with_modules(folder: Path, roots: dict[str, Path]) -> dict[str, str]:
    """Write a module for each environment below a folder; the variables by which jobs find them."""
    records = folder / "records"
    modules = folder / "modulefiles" / "llmseqrec"
    records.mkdir(parents=True)
    modules.mkdir(parents=True)
    for name, root in roots.items():
        told = MODULE.format(root=root, probe=PROBE, records=records)
        (modules / name).write_text(told)
    return {"MODULEPATH": str(modules.parent), "BASH_ENV": str(INIT)}
