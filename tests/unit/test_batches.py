"""Batches: nothing lost, nothing scored twice, no column of padding alone."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseqrec.nn.batches import (
    BLOCK_COST,
    Batch,
    Batches,
    BatchOptions,
    MaskedItemBatches,
    NextItemBatches,
    cheapest_cuts,
)
from llmseqrec.nn.sequences import MASKED_COPIES, PADDING
from llmseqrec.sessions import Sessions

N_ITEMS = 30
MASK = N_ITEMS
sequences = st.lists(st.lists(st.integers(0, N_ITEMS - 1), max_size=9), min_size=1, max_size=30)


def sessions_of(rows: list[list[int]]) -> Sessions:
    offsets = np.cumsum([0] + [len(row) for row in rows])
    items = np.concatenate([np.array(row, dtype=np.int32) for row in rows])
    return Sessions(offsets, items, np.arange(len(rows), dtype=np.int32))


def next_item(rows: list[list[int]], fidelity: str, size: int = 4) -> NextItemBatches:
    return NextItemBatches(sessions_of(rows), BatchOptions(5, size, fidelity))


def masked(rows: list[list[int]], fidelity: str, mask_prob: float = 0.5) -> MaskedItemBatches:
    options = BatchOptions(5, 4, fidelity)
    return MaskedItemBatches(sessions_of(rows), options, mask_prob, MASK)


def epoch(batches: Batches, seed: int = 0) -> list[Batch]:
    return list(batches.epoch(np.random.default_rng(seed)))


def read(batch: Batch) -> list[tuple[list[int], dict[int, int]]]:
    """Items of each row without padding, and the target at each scored place of it."""
    target_at = dict(zip(batch.positions.tolist(), batch.targets.tolist(), strict=True))
    found, position = [], 0
    for row in (row for block in batch.blocks for row in block.tolist()):
        items = [item for item in row if item != PADDING]
        places = range(len(items) - len(row), len(items))
        targets = {place: target_at.get(position + i) for i, place in enumerate(places)}
        found.append((items, {k: v for k, v in targets.items() if v is not None}))
        position += len(row)
    return found


@settings(deadline=None)
@given(rows=sequences, fidelity=st.sampled_from(["reference", "standard"]))
def test_each_session_predicts_each_of_its_next_items_once(rows, fidelity):
    found = Counter(
        (tuple(items), tuple(targets[place] for place in range(len(items))))
        for batch in epoch(next_item(rows, fidelity))
        for items, targets in read(batch)
        if targets
    )
    recent = [row[-6:] for row in rows if len(row) > 1]
    assert found == Counter((tuple(row[:-1]), tuple(row[1:])) for row in recent)


@settings(deadline=None)
@given(rows=sequences, fidelity=st.sampled_from(["reference", "standard"]))
def test_masked_rows_hide_the_items_that_are_their_targets(rows, fidelity):
    recent = Counter(tuple(row[-5:]) for row in rows if row)
    found: Counter[tuple[int, ...]] = Counter()
    last_only = 0
    for batch in epoch(masked(rows, fidelity)):
        for items, targets in read(batch):
            assert {place for place, item in enumerate(items) if item == MASK} == set(targets)
            found[tuple(targets.get(place, item) for place, item in enumerate(items))] += 1
            last_only += set(targets) == {len(items) - 1}
    assert last_only >= recent.total()
    assert all(found[row] <= MASKED_COPIES * count for row, count in recent.items())
    assert set(recent) <= set(found)


def test_the_chance_of_a_mask_is_the_given_one():
    batches = masked([[1, 2, 3, 4, 5]] * 400, "reference", mask_prob=0.3)
    shares = [len(batch.targets) / batch.blocks[0].numel() for batch in epoch(batches)]
    expected = (10 * 0.3 + 0.2) / 11  # one row of eleven hides the last of five items
    assert np.mean(shares) == pytest.approx(expected, abs=0.02)


def test_reference_batches_have_all_columns_and_standard_blocks_no_empty_column():
    rows = [[1] * length for length in (2, 3, 4, 9) for _ in range(40)]
    for batch in epoch(next_item(rows, "reference")):
        assert [block.shape for block in batch.blocks] == [(4, 5)]
    for batch in epoch(next_item(rows, "standard")):
        assert all((block != PADDING).any(0).all() for block in batch.blocks)


def test_cuts_cost_no_more_than_any_others():
    lengths = np.sort(np.random.default_rng(1).integers(1, 6, 400))
    ends = np.searchsorted(lengths, np.arange(1, 6), side="right")

    def cost(cuts: list[int]) -> int:
        starts = [0, *cuts[:-1]]
        return sum(
            lengths[stop - 1] * (stop - start) + BLOCK_COST
            for start, stop in zip(starts, cuts, strict=True)
        )

    all_cuts = [
        [*chosen, len(lengths)] for n in range(5) for chosen in combinations(ends[:-1].tolist(), n)
    ]
    assert cost(cheapest_cuts(lengths)) == min(map(cost, all_cuts))


def test_sizes_add_up_and_the_last_batch_may_be_smaller():
    rows = [[1, 2, 3]] * 10
    for fidelity in ("reference", "standard"):
        batches = next_item(rows, fidelity)
        assert sorted(sum(map(len, batch.blocks)) for batch in epoch(batches)) == [2, 4, 4]
        assert len(batches) == 3


def test_order_comes_from_the_generator_alone():
    rows = [[item, item + 1, item + 2] for item in range(20)]
    for batches in (next_item(rows, "standard"), masked(rows, "standard")):
        first, again, other = (epoch(batches, seed) for seed in (1, 1, 2))
        assert [read(batch) for batch in first] == [read(batch) for batch in again]
        assert [read(batch) for batch in first] != [read(batch) for batch in other]
