"""Lists against targets, and the ledger of looks at the test set."""

import csv
import math
import multiprocessing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llmseqrec.contracts import RECOMMENDATIONS, read_json, write_json, write_table
from llmseqrec.evaluation.metrics import ItemCounts
from llmseqrec.evaluation.results import (
    LEDGER_COLUMNS,
    evaluate_run,
    judge,
    note_test_look,
    padded_lists,
    read_item_counts,
)
from llmseqrec.sessions import Prompts, Sessions
from tests.conftest import Tiny

COUNTS = ItemCounts(np.array([5, 4, 3, 2, 1], dtype=np.int64))


def table_of(lists: dict[int, list[int]]) -> pd.DataFrame:
    rows = [(s, r, i, 1.0 / r) for s, items in lists.items() for r, i in enumerate(items, start=1)]
    kinds = {"session_id": "int32", "rank": "int16", "item_id": "int32", "score": "float32"}
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)


def prompts_of(targets: dict[int, int]) -> Prompts:
    n = len(targets)
    ids = np.array(list(targets), dtype=np.int32)
    sessions = Sessions(np.arange(n + 1), np.zeros(n, dtype=np.int32), ids)
    return Prompts(sessions, np.array(list(targets.values()), dtype=np.int32))


def test_rows_become_padded_lists_cut_at_k() -> None:
    ids, lists = padded_lists(table_of({7: [3, 1, 2], 9: [4]}), 2)
    assert ids.tolist() == [7, 9]
    assert lists.tolist() == [[3, 1], [4, -1]]


def test_a_gap_in_the_ranks_stays_a_gap() -> None:
    table = table_of({7: [3, 1, 2]}).query("rank != 2")
    assert padded_lists(table, 3)[1].tolist() == [[3, -1, 2]]


def test_metrics_of_lists_known_by_hand() -> None:
    judged = judge(
        table_of({1: [3, 0], 2: [0, 4], 5: [1, 2]}), prompts_of({1: 3, 2: 4, 5: 4}), COUNTS, [1, 2]
    )
    aggregate = judged.evaluation.aggregate
    assert judged.session_ids.tolist() == [1, 2, 5]
    assert aggregate["hr@1"] == pytest.approx(1 / 3)
    assert aggregate["hr@2"] == pytest.approx(2 / 3)
    assert aggregate["ndcg@2"] == pytest.approx((1 + 1 / math.log2(3)) / 3)
    assert aggregate["catcov@2"] == 1.0
    assert (judged.missing, judged.dropped) == (0, 0)


def test_a_session_without_a_list_is_a_miss_or_is_dropped() -> None:
    table, prompts = table_of({2: [4]}), prompts_of({1: 3, 2: 4})
    miss = judge(table, prompts, COUNTS, [1])
    assert miss.evaluation.aggregate["hr@1"] == 0.5
    assert (miss.session_ids.tolist(), miss.missing, miss.dropped) == ([1, 2], 1, 0)
    drop = judge(table, prompts, COUNTS, [1], "drop")
    assert drop.evaluation.aggregate["hr@1"] == 1.0
    assert (drop.session_ids.tolist(), drop.missing, drop.dropped) == ([2], 1, 1)


def test_lists_of_other_sessions_are_ignored() -> None:
    judged = judge(table_of({2: [4], 3: [1], 8: [0]}), prompts_of({3: 1}), COUNTS, [1])
    assert judged.session_ids.tolist() == [3]
    assert judged.evaluation.aggregate["hr@1"] == 1.0
    assert judged.evaluation.aggregate["catcov@1"] == 1 / 5


def test_no_list_at_all_is_all_misses() -> None:
    judged = judge(table_of({}), prompts_of({3: 1, 4: 2}), COUNTS, [1, 2])
    assert set(judged.evaluation.aggregate.values()) == {0.0}
    assert judged.missing == 2


def test_counts_are_of_training_and_test_together(tiny: Tiny) -> None:
    counts = read_item_counts(tiny.folder).counts
    assert counts.sum() == 160
    assert counts.max() == 40  # the item of every session


def run_folder(tiny: Tiny, root: Path) -> Path:
    """A run of the tiny dataset that lists the true target of every session but the first."""
    prompts = Prompts.load(tiny.folder / "temporal" / "full" / "test")
    ids = prompts.sessions.session_ids
    lists = {int(key): [int(item)] for key, item in zip(ids, prompts.targets, strict=True)}
    del lists[int(ids[0])]
    folder = root / "temporal" / "full" / "oracle" / "seed3"
    table = table_of(lists)
    write_table(table, folder / "recommendations.test.parquet", RECOMMENDATIONS)
    facts = {"config_hash": "c1", "code": "c2", "data_hash": "d", "seed": 3}
    write_json(facts | {"run": {"parameters": {}}}, folder / "run.json")
    return folder


def test_evaluation_writes_metrics_rows_and_a_ledger_line(tiny: Tiny, tmp_path: Path) -> None:
    folder = run_folder(tiny, tmp_path)
    prompts = tiny.folder / "temporal" / "full" / "test"
    for _ in range(2):
        evaluate_run(folder / "recommendations.test.parquet", prompts, tiny.folder, [1, 5])
    metrics = read_json(folder / "metrics.test.json")
    rows = pd.read_parquet(folder / "per_session.test.parquet")
    assert metrics["metrics"]["hr@1"] == rows["hr@1"].mean() == 1 - 1 / len(rows)
    assert (metrics["sessions"], metrics["sessions_without_list"]) == (len(rows), 1)
    assert (metrics["config_hash"], metrics["seed"]) == ("c1", 3)
    with (tmp_path / "temporal" / "test_ledger.csv").open() as stream:
        header, *looks = csv.reader(stream)
    assert tuple(header) == LEDGER_COLUMNS
    assert [look[:3] for look in looks] == [["oracle", "3", "c1"]] * 2


def test_repeating_an_evaluation_gives_the_same_bytes(tiny: Tiny, tmp_path: Path) -> None:
    folder = run_folder(tiny, tmp_path)
    prompts = tiny.folder / "temporal" / "full" / "test"
    found = []
    for _ in range(2):
        evaluate_run(folder / "recommendations.test.parquet", prompts, tiny.folder, [1, 5])
        names = ("metrics.test.json", "per_session.test.parquet")
        found.append([(folder / name).read_bytes() for name in names])
    assert found[0] == found[1]


def test_looks_at_validation_prompts_are_no_looks_at_test(tiny: Tiny, tmp_path: Path) -> None:
    folder = run_folder(tiny, tmp_path)
    valid = tmp_path / "valid"
    Prompts.load(tiny.folder / "temporal" / "full" / "test").save(valid)
    evaluate_run(folder / "recommendations.test.parquet", valid, tiny.folder, [5])
    assert (folder / "metrics.valid.json").is_file()
    assert not (tmp_path / "temporal" / "test_ledger.csv").exists()


def _look(ledger: Path, name: str) -> None:
    for seed in range(20):
        note_test_look(ledger, name, seed, "hash, with a comma")


def test_parallel_jobs_share_a_ledger(tmp_path: Path) -> None:
    ledger = tmp_path / "new" / "test_ledger.csv"
    context = multiprocessing.get_context("fork")
    jobs = [context.Process(target=_look, args=(ledger, f"run{n}")) for n in range(4)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    with ledger.open() as stream:
        rows = list(csv.reader(stream))
    assert tuple(rows[0]) == LEDGER_COLUMNS
    assert sorted((row[0], int(row[1])) for row in rows[1:]) == [
        (f"run{n}", seed) for n in range(4) for seed in range(20)
    ]


def test_an_empty_ledger_gets_one_header(tmp_path: Path) -> None:
    ledger = tmp_path / "test_ledger.csv"
    ledger.touch()
    note_test_look(ledger, "a", 1, "x")
    note_test_look(ledger, "b", 1, "x")
    assert len(ledger.read_text().splitlines()) == 3
