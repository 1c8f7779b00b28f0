"""The section on paid services; to be imported from `llmseqrec.config`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from llmseqrec.config_base import Strict


class Services(Strict):
    """What all paid calls share. None of it decides a vector."""

    cache: Path = Field(
        Path("state/cache/embeddings.sqlite"), description="Vectors that were paid for."
    )
    ledger: Path = Field(Path("state/ledger.sqlite"), description="What was spent.")
    batches: Path = Field(Path("state/batches"), description="Batch API jobs under way.")
    journal_mode: Literal["delete", "wal"] = Field(
        "delete",
        description="Of both files. delete works on network file systems; wal is for one machine.",
    )
    prices: Path = Field(Path("config/prices.yaml"), description="Prices, with their date.")
    concurrency: int = Field(4, ge=1, description="Requests in flight at once, in one job.")
    attempts: int = Field(6, ge=1, description="Tries of one request.")
    timeout: float = Field(120, gt=0, description="Seconds a request may take.")
    batch_poll: float = Field(60, gt=0, description="Seconds between looks at a Batch API job.")
