"""Rows of the neural models against the reference implementation's own output."""

import numpy as np

from llmseqrec.nn.sequences import (
    MASKED_COPIES,
    Vocabulary,
    append_mask,
    draw_masks,
    forbidden_in_window,
    mask_items,
    next_item_rows,
    windows,
)
from llmseqrec.sessions import Sessions, from_rows
from tests.golden import golden

GOLDEN = golden("sequence_golden.json")
LENGTH, N_ITEMS, MASK = GOLDEN["N"], GOLDEN["num_items"], GOLDEN["mask_id"]
BERT = GOLDEN["bert_training"]
SESSIONS = GOLDEN["sessions_reduced_ids"]


def sessions_of(items: dict[str, list[int]]) -> Sessions:
    rows = [(int(key), item) for key, session in items.items() for item in session]
    return from_rows(*np.array(rows, dtype=np.int32).T)


def known(sessions: Sessions) -> Sessions:
    """Without the unknown items, -1 in the golden prompts."""
    return sessions.select(sessions.items >= 0)


def test_next_item_rows() -> None:
    inputs, targets = next_item_rows(windows(sessions_of(SESSIONS), LENGTH + 1))
    np.testing.assert_array_equal(inputs, GOLDEN["sasrec_gru_training"]["input"])
    np.testing.assert_array_equal(targets, GOLDEN["sasrec_gru_training"]["target"])


def test_prediction_rows() -> None:
    prompts = known(sessions_of(GOLDEN["sasrec_gru_prediction"]["prompts"]))
    np.testing.assert_array_equal(
        windows(prompts, LENGTH), GOLDEN["sasrec_gru_prediction"]["input"]
    )
    np.testing.assert_array_equal(
        append_mask(windows(prompts, LENGTH - 1), MASK), GOLDEN["bert_prediction"]["input"]
    )


def test_masked_rows() -> None:
    rows = windows(sessions_of(SESSIONS), LENGTH)
    np.testing.assert_array_equal(rows, BERT["sequences"])
    drawn = np.array(BERT["example_random_mask"], dtype=bool)
    last = draw_masks(np.ones(len(rows), dtype=bool), LENGTH, 0.5, np.random.default_rng(1))
    for chosen, kind in ((last, "mask_last"), (drawn, "masked")):
        inputs, targets = mask_items(rows, chosen, MASK)
        np.testing.assert_array_equal(inputs, BERT[f"{kind}_input"])
        np.testing.assert_array_equal(targets, BERT[f"{kind}_target"])


def test_rows_an_epoch() -> None:
    assert len(SESSIONS) * MASKED_COPIES == BERT["rows_per_epoch_for_5_sessions"]


def test_forbidden_items() -> None:
    quirk = GOLDEN["seen_item_filter_quirk"]
    rows = np.array(quirk["rows"], dtype=np.int32)
    forbidden = np.zeros((len(rows), N_ITEMS), dtype=int)
    np.add.at(forbidden, forbidden_in_window(rows, N_ITEMS), 1)
    np.testing.assert_array_equal(forbidden > 0, np.array(quirk["multi_hot"]) > 0)


def test_known_ids() -> None:
    """In order of first appearance; unknown items are left out of prompts."""
    case = GOLDEN["id_reducer"]
    vocabulary = Vocabulary.of(sessions_of({"1": case["column"]}), 100)
    reduced = {int(item): known_id for item, known_id in case["original_to_reduced"].items()}
    encoded = vocabulary.encode(sessions_of({"1": [0, *reduced], "2": [1]}))
    assert vocabulary.items.tolist() == list(reduced)
    assert encoded.items.tolist() == list(reduced.values())
    assert encoded.lengths.tolist() == [len(reduced), 0]
