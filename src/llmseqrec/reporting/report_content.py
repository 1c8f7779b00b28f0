"""What a report tells, before it is written as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from llmseqrec.reporting.leaderboard import Label


@dataclass(frozen=True)
class Figure:
    """A picture beside the page.

    Attributes:
        title: a few words.
        caption: how to read it; may be empty.
        files: path by format, seen from the page; `png` is there.
    """

    title: str
    caption: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class FileGroup:
    """One table in several formats.

    Attributes:
        title: a few words.
        files: path by format, seen from the page.
    """

    title: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class RunPanel:
    """What is known of one run.

    Attributes:
        anchor: its place in the page.
        display: the name that readers see.
        reason: why it could not run, or None.
        seeds: of every seed, run.json and metrics.test.json as one dictionary: the former's keys,
            and `metrics`.
        costs: its row of the table of costs, or nothing.
    """

    anchor: str
    display: str
    reason: str | None = None
    seeds: Sequence[Mapping[str, Any]] = ()
    costs: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class Experiment:
    """A dataset and split.

    Attributes:
        key: `{dataset}.{split}`, by the names of the configuration.
        label: what its numbers were measured on.
        board: its leaderboard.
        statements: as `make_statements` gives them.
        figures: its pictures.
        tables: its tables.
        runs: in the order of the configuration.
        withheld: why the inspector has no sessions of it, or None.
    """

    key: str
    label: Label
    board: pd.DataFrame
    statements: Sequence[Mapping[str, Any]] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[FileGroup] = ()
    runs: Sequence[RunPanel] = ()
    withheld: str | None = None

    @property
    def title(self) -> str:
        """Dataset and split, as readers see them."""
        return f"{self.label.shown}, {self.label.split}"


@dataclass(frozen=True)
class Content:
    """All of a report.

    Attributes:
        experiments: in the order of the configuration.
        figures: pictures of no single experiment.
        tables: tables of no single experiment.
        costs: the table of costs.
    """

    experiments: Sequence[Experiment]
    figures: Sequence[Figure] = ()
    tables: Sequence[FileGroup] = ()
    costs: pd.DataFrame = field(default_factory=pd.DataFrame)


def sessions_file(key: str) -> str:
    """Where the inspector's sessions of an experiment lie, seen from the page."""
    return f"sessions/{key}.js"
