"""Cases produced by running the reference implementation; see NOTICE."""

from pathlib import Path
from typing import Any

import orjson

DATA = Path(__file__).parent / "data"


def golden(name: str) -> Any:
    """A file of golden cases."""
    return orjson.loads((DATA / name).read_bytes())
