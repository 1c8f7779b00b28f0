"""The split against the reference's (cases produced by running it)."""

import numpy as np
import orjson
import pandas as pd
import pytest

from llmseqrec.config import Temporal
from llmseqrec.data.splits import fold_bins, make_part, read_sessions, temporal_masks
from llmseqrec.sessions import Prompts, Sessions, from_rows
from tests.golden import golden

GOLDEN = golden("temporal_split_golden.json")
CASES = {case["name"]: case for case in GOLDEN["cases"]}


def frame_of(case: dict) -> pd.DataFrame:
    """Interactions in session order; rows of one time stamp keep the order of the file."""
    rows = pd.DataFrame(case["input_rows_in_file_order"], columns=["session", "item", "day"])
    seconds = pd.to_datetime(rows["day"]).astype("datetime64[s]").astype("int64")
    rows = rows.assign(timestamp=seconds).sort_values(["session", "timestamp"], kind="stable")
    return rows.rename(columns={"session": "session_id", "item": "item_id"}).astype(
        {"session_id": "int32", "item_id": "int32"}
    )


def rows_of(sessions: Sessions) -> list[list[int]]:
    ids = sessions.session_ids[sessions.rows]
    return [[int(a), int(b)] for a, b in zip(ids, sessions.items, strict=True)]


def prompts_of(prompts: Prompts) -> dict[str, list[int]]:
    sessions = prompts.sessions
    bounds = zip(sessions.session_ids, sessions.offsets[:-1], sessions.offsets[1:], strict=True)
    return {str(key): sessions.items[start:stop].tolist() for key, start, stop in bounds}


def targets_of(prompts: Prompts) -> dict[str, list[int]]:
    pairs = zip(prompts.sessions.session_ids, prompts.targets, strict=True)
    return {str(key): [int(item)] for key, item in pairs}


def split_of(case: dict) -> Temporal:
    return Temporal(
        test_fraction=case["test_frac"],
        folds=case["num_folds"],
        filter_items=case["filter_non_trained_test_items"],
    )


@pytest.mark.parametrize("name", CASES)
def test_full_part_equals_reference(name: str) -> None:
    case = CASES[name]
    part = make_part(read_sessions(frame_of(case)), split_of(case), "full")
    assert rows_of(part.train) == [row[:2] for row in case["train_rows"]]
    assert prompts_of(part.prompts["test"]) == case["test_prompts"]
    assert targets_of(part.prompts["test"]) == case["test_ground_truths"]


@pytest.mark.parametrize("name", CASES)
def test_folds_equal_reference(name: str) -> None:
    case = CASES[name]
    sessions = read_sessions(frame_of(case))
    for number, fold in enumerate(case["folds"], start=1):
        part = make_part(sessions, split_of(case), f"fold{number}")
        assert rows_of(part.train) == [row[:2] for row in fold["train_rows"]]
        assert prompts_of(part.prompts["valid"]) == fold["prompts"]
        assert targets_of(part.prompts["valid"]) == fold["ground_truths"]


@pytest.mark.parametrize(("n", "sizes"), GOLDEN["split_sizes_for_n_sessions"].items())
def test_sizes_of_bins(n: str, sizes: dict) -> None:
    count = int(n)
    ids = np.arange(count, dtype=np.int32)
    times = np.random.default_rng(count).permutation(count).astype(np.int64)
    sessions = from_rows(ids, ids, times)
    train, test = temporal_masks(sessions, 0.2)
    bins = fold_bins(sessions, train, 4)
    assert (train.sum(), test.sum()) == (sizes["train"], sizes["test"])
    assert np.bincount(bins[train]).tolist() == sizes["bins"]
    assert times[train].max() < times[test].min()
    assert orjson.dumps(bins[test].tolist()) == orjson.dumps([-1] * int(test.sum()))
