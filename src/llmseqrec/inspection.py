"""Test sessions with what every run recommends, small enough for a browser to read at once."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from llmseqrec.contracts import ITEMS, RECOMMENDATIONS, read_table
from llmseqrec.reporting.page import in_script
from llmseqrec.sessions import IntArray, Prompts

# Items of a prompt that are shown: the most recent ones.
PROMPT_LENGTH = 50
_NOTHING = -1


def inspected_sessions(
    runs: Mapping[str, Path], prompts: Path, catalogue: Path, count: int
) -> dict[str, Any]:
    """Sessions, prompts, targets and lists as JSON can hold them.

    Items are numbered anew, 0..m-1, in the order of their ids; `titles` has all that occur. Arrays
    are little-endian unsigned integers in base64, of `bytes` bytes each; the largest number stands
    for nothing, where a list ends early or has no item of a rank. Keys:

    sessions: (n,) session ids, ascending (4 bytes).
    lengths: (n,) items of each prompt (4 bytes), of which the last PROMPT_LENGTH are there.
    offsets: (n + 1,) where each prompt starts in `prompts` (4 bytes).
    prompts, targets: numbers of items.
    k: length of the lists; lists: of each run (n * k,) numbers of items, best first.
    titles: of the items.

    Args:
        runs: recommendations.test.parquet of every run, by the name that readers see.
        prompts: folder of the test prompts.
        catalogue: items.parquet.
        count: sessions at most; those of the lowest ids.
    """
    sessions, targets = _first(Prompts.load(prompts), count)
    lists = {name: _lists(path, sessions.session_ids) for name, path in runs.items()}
    shown = sessions.last(PROMPT_LENGTH)
    used = np.unique(np.concatenate([shown.items, targets, *(x.ravel() for x in lists.values())]))
    used = used[used != _NOTHING]
    kind = np.dtype("<u2" if len(used) < np.iinfo("<u2").max else "<u4")

    def numbered(items: IntArray) -> str:
        numbers = np.searchsorted(used, items).astype(kind)
        return _text(np.where(items == _NOTHING, np.iinfo(kind).max, numbers).astype(kind))

    return {
        "bytes": kind.itemsize,
        "k": max((found.shape[1] for found in lists.values()), default=0),
        "sessions": _text(sessions.session_ids.astype("<u4")),
        "lengths": _text(sessions.lengths.astype("<u4")),
        "offsets": _text(shown.offsets.astype("<u4")),
        "prompts": numbered(shown.items),
        "targets": numbered(targets),
        "lists": {name: numbered(found) for name, found in _same_width(lists).items()},
        "titles": _titles(catalogue, used),
    }


def inspection_script(key: str, content: Mapping[str, Any]) -> str:
    """A script that hands the content to the page; of a file, a browser reads nothing else.

    Args:
        key: name of the experiment in the page.
        content: as `inspected_sessions` gives it.
    """
    return f"inspectSessions({in_script(key)}, {in_script(content)});\n"


def _first(prompts: Prompts, count: int) -> tuple[Any, IntArray]:
    """The prompts of the lowest session ids, ascending, and their targets."""
    order = np.argsort(prompts.sessions.session_ids, kind="stable")[:count]
    chosen = np.zeros(len(prompts.sessions), dtype=bool)
    chosen[order] = True
    found = prompts.sessions.select(chosen[prompts.sessions.rows], chosen)
    sorting = np.argsort(found.session_ids, kind="stable")
    return _reordered(found, sorting), np.asarray(prompts.targets)[chosen][sorting]


def _reordered(sessions: Any, order: NDArray[np.intp]) -> Any:
    """The sessions in another order; without times."""
    lengths = sessions.lengths[order]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    starts = np.repeat(sessions.offsets[:-1][order] - offsets[:-1], lengths)
    items = sessions.items[starts + np.arange(offsets[-1])]
    return type(sessions)(offsets, items, sessions.session_ids[order])


def _lists(path: Path, session_ids: IntArray) -> IntArray:
    """(n, k) items of each session's list, best first; filled up with -1."""
    columns = ["session_id", "rank", "item_id"]
    table = read_table(path, RECOMMENDATIONS, columns)
    table = table[table["session_id"].isin(session_ids)]
    rows = np.searchsorted(session_ids, table["session_id"].to_numpy())
    ranks = table["rank"].to_numpy().astype(np.int64) - 1
    found = np.full((len(session_ids), int(ranks.max(initial=-1)) + 1), _NOTHING, dtype=np.int32)
    found[rows, ranks] = table["item_id"].to_numpy()
    return found


def _same_width(lists: Mapping[str, IntArray]) -> dict[str, IntArray]:
    """The lists of all runs, filled up to the longest."""
    width = max((found.shape[1] for found in lists.values()), default=0)
    return {
        name: np.pad(found, ((0, 0), (0, width - found.shape[1])), constant_values=_NOTHING)
        for name, found in lists.items()
    }


def _titles(catalogue: Path, used: IntArray) -> list[str]:
    """Titles of the used items; an item without one is called by its id.

    Another system's lists may hold items that the catalogue lacks: their ids lie beyond it.
    """
    items = read_table(catalogue, ITEMS, ["item_id", "title"])
    titles: pd.Series[str] = items.set_index("item_id")["title"].reindex(used)
    return [
        (title if isinstance(title, str) and title.strip() else f"item {item} (no title)")
        for item, title in zip(used, titles, strict=True)
    ]


def _text(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
