"""Ids and the order of tied interactions: neither may carry time or popularity.

Beauty's and Steam's times have day resolution, so the order inside a day is an artefact of some
file. The default order of a tie is a hash of (session, item); see docs/architecture.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

HashArray = NDArray[np.uint64]


@dataclass(frozen=True)
class DenseIds:
    """Source keys numbered 0 .. n-1 in the order of their hashes.

    Attributes:
        keys: (n,) source keys in id order.
        hashes: (n,) their hashes, ascending.
        ids: (rows,) the id of each row.
    """

    keys: NDArray[np.object_]
    hashes: HashArray
    ids: NDArray[np.int32]


def hash_keys(keys: Sequence[str] | NDArray[Any]) -> HashArray:
    """64-bit BLAKE2b hash of each key, the same on every machine."""
    return np.fromiter(
        (
            int.from_bytes(hashlib.blake2b(str(key).encode(), digest_size=8).digest(), "little")
            for key in keys
        ),
        dtype=np.uint64,
        count=len(keys),
    )


def dense_ids(column: pd.Series[Any]) -> DenseIds:
    """Number the distinct values of a column in hash order."""
    codes, distinct = pd.factorize(column)
    keys = np.asarray(distinct, dtype=object)
    hashes = hash_keys(keys)
    order = np.lexsort((keys.astype(str), hashes))
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return DenseIds(keys[order], hashes[order], rank[codes])


def mix(values: HashArray) -> HashArray:
    """Scatter 64-bit values (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def tie_rank(
    rule: str, sessions: DenseIds, items: DenseIds, times: NDArray[np.int64]
) -> NDArray[Any]:
    """What orders rows of one session and one time stamp, smallest first.

    Args:
        rule: `hash`: a hash of (session key, item key);
            `file`: the order of the raw file (what the reference does for Steam);
            `asin`: the item key (puts near-duplicates side by side, see the design);
            `published`: numpy's default, unstable sort of all rows by time (what the reference
            does for Beauty; the order depends on the file and on numpy).
        sessions: ids of the rows' sessions.
        items: ids of the rows' items.
        times: (rows,) seconds.
    """
    rows = len(times)
    if rule == "hash":
        return mix(sessions.hashes[sessions.ids] ^ mix(items.hashes[items.ids]))
    if rule == "file":
        return np.arange(rows)
    if rule == "asin":
        return np.argsort(np.argsort(items.keys.astype(str), kind="stable"))[items.ids]
    rank = np.empty(rows, dtype=np.int64)
    rank[np.argsort(times, kind="quicksort")] = np.arange(rows)
    return rank


def shuffle_ties(interactions: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Interactions with the items of each tie in random order.

    A tie is a run of rows of one session with one time stamp. Where a dataset gives an order that
    contradicts its times, rows of one time stamp that are apart stay where they are.
    """
    ids = interactions["session_id"].to_numpy()
    times = interactions["timestamp"].to_numpy()
    begins = np.ones(len(interactions), dtype=bool)
    begins[1:] = (ids[1:] != ids[:-1]) | (times[1:] != times[:-1])
    order = np.lexsort((rng.random(len(interactions)), np.cumsum(begins)))
    kept = interactions[["session_id", "position", "item_id", "timestamp"]]
    return kept.assign(item_id=kept["item_id"].to_numpy()[order])
