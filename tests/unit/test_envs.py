"""Conda environments are in step with the lock."""

from pathlib import Path

import pytest
import yaml

from envs.generate import ENVIRONMENTS, environment, locked_versions

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_environment_is_generated_from_the_lock(name: str) -> None:
    versions = locked_versions((ROOT / "requirements.lock").read_text())
    written = (ROOT / "envs" / f"{name}.yaml").read_text()
    assert written == environment(name, versions)
    pins = yaml.safe_load(written)["dependencies"][-1]["pip"]
    assert all("==" in pin for pin in pins)
