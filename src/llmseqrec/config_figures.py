"""The section on figures that cost more than drawing; to be imported from `llmseqrec.config`."""

from __future__ import annotations

from pydantic import Field

from llmseqrec.config_base import Name, Strict


class Positions(Strict):
    """Hit rate by the position treated as last (study, Figure 10)."""

    depth: int = Field(
        0,
        ge=0,
        description="How many of a prompt's latest items are moved to its end in turn; 0: none.",
    )
    runs: list[Name] = Field(
        default_factory=list,
        description="Runs to ask, by their first seed; empty: all that are fitted here.",
    )
