"""Files of a plan's tables: each is written in every one of these formats. Light to import."""

from __future__ import annotations

from collections.abc import Iterable

KINDS = ("csv", "md", "tex", "html")


def files_of_tables(names: Iterable[str]) -> list[str]:
    """Every file of tables of these names: `leaderboard.beauty.temporal`."""
    return [f"results/tables/{name}.{kind}" for name in names for kind in KINDS]
