"""The dataset table of the study (Table 2), with counts per split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from llmseqrec.config import LeaveOneOut, Temporal
from llmseqrec.contracts import ITEMS, read_json, read_table
from llmseqrec.data.splits import Part, load_part
from llmseqrec.sessions import Prompts


def describe_split(folder: Path, split: Temporal | LeaveOneOut) -> dict[str, Any]:
    """Counts of a prepared dataset and of its full part.

    Args:
        folder: the prepared dataset.
        split: the protocol.
    """
    preparation = read_json(folder / "preparation.json")
    items = read_table(folder / "items.parquet", ITEMS)
    sessions, rows = preparation["sessions"], preparation["interactions"]
    return {
        "sessions": sessions,
        "items": preparation["items"],
        "classes": int(items["class"].nunique()) if "class" in items else None,
        "interactions": rows,
        "untitled_items": preparation["untitled_items"],
        "data_hash": preparation["data_hash"],
        "protocol": split.protocol,
    } | _part_counts(load_part(folder, split, "full"))


def _part_counts(part: Part) -> dict[str, Any]:
    test = part.prompts["test"]
    return {
        "train_sessions": int(np.count_nonzero(part.train.lengths)),
        "train_interactions": len(part.train.items),
        "train_items": len(np.unique(part.train.items)),
        "test_sessions_unfiltered": part.rows["sessions_before"],
        "test_interactions_unfiltered": part.rows["before"],
        "test_interactions": part.rows["after"],
        "test_prompt_items": len(test.sessions.items),
        "test_items": len(np.union1d(test.sessions.items, test.targets)),
        "prompt_lengths": prompt_length_histogram(test),
        **{f"{name}_sessions": len(prompts.targets) for name, prompts in part.prompts.items()},
    }


def prompt_length_histogram(prompts: Prompts) -> dict[str, int]:
    """Number of prompts of each length."""
    lengths, counts = np.unique(prompts.sessions.lengths, return_counts=True)
    return {str(length): int(count) for length, count in zip(lengths, counts, strict=True)}
