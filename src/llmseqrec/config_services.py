"""The section on paid services; to be imported from `llmseqrec.config`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from llmseqrec.config_base import Strict


class Services(Strict):
    """What all paid calls share. None of it decides a vector or an answer."""

    cache: Path = Field(
        Path("state/cache/embeddings.sqlite"), description="Vectors that were paid for."
    )
    completions: Path = Field(
        Path("state/cache/completions.sqlite"), description="Answers that were paid for."
    )
    jobs: Path = Field(
        Path("state/jobs"), description="Fine-tuning jobs, under way and done, one file each."
    )
    ledger: Path = Field(Path("state/ledger.sqlite"), description="What was spent.")
    batches: Path = Field(Path("state/batches"), description="Batch API jobs under way.")
    journal_mode: Literal["delete", "wal"] = Field(
        "delete",
        description="Of these files. delete works on network file systems; wal is for one machine.",
    )
    prices: Path = Field(Path("config/prices.yaml"), description="Prices, with their date.")
    concurrency: int = Field(4, ge=1, description="Requests in flight at once, in one job.")
    attempts: int = Field(6, ge=1, description="Tries of one request.")
    timeout: float = Field(120, gt=0, description="Seconds a request may take.")
    batch_poll: float = Field(60, gt=0, description="Seconds between looks at a Batch API job.")
    job_poll: float = Field(30, gt=0, description="Seconds between looks at a fine-tuning job.")
    job_hours: float = Field(
        72, gt=0, description="Hours after which a fine-tuning job is waited for no more."
    )
