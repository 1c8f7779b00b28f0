from pathlib import Path

import pytest

from tests.envs.environments import build_all


@pytest.fixture(scope="session")
def roots() -> dict[str, Path]:
    """Folder of the plain environment of every stage."""
    return build_all()
