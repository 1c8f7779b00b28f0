"""The section on the report; to be imported from `llmseqrec.config`."""

from __future__ import annotations

from pydantic import Field

from llmseqrec.config_base import Strict


class Report(Strict):
    """What stands in results/report/, besides tables and figures."""

    sessions: int = Field(
        5000,
        ge=0,
        description="Test sessions of each split that the inspector holds, with their titles and"
        " what each run recommends; 0: none. The first by id, which is no order of time.",
    )
    private: bool = Field(
        False,
        description="Whether it holds sessions and titles of private datasets too. Off, their"
        " metrics, tables and figures stand in it, and no session and no title.",
    )
