"""Sequence facts of the reference that `Sessions` answers: known items only, the last N, ids."""

import numpy as np
import pandas as pd

from llmseqrec.data.ordering import dense_ids
from llmseqrec.sessions import Sessions
from tests.golden import golden

GOLDEN = golden("sequence_golden.json")
N = GOLDEN["N"]


def sessions_of(lists: dict[str, list[int]]) -> Sessions:
    offsets = np.cumsum([0, *map(len, lists.values())]).astype(np.int64)
    items = np.array([item for row in lists.values() for item in row], dtype=np.int32)
    return Sessions(offsets, items, np.array([int(key) for key in lists], dtype=np.int32))


def left_padded(sessions: Sessions, width: int) -> list[list[int]]:
    """Rows as the reference writes them, -1 on the left."""
    rows = np.full((len(sessions), width), -1)
    rows[sessions.rows, width - sessions.ages] = sessions.items
    return rows.tolist()


def known_last(prompts: Sessions, count: int) -> Sessions:
    """Unknown items, which the reference writes as -1, leave first; then the last items stay."""
    return prompts.select(prompts.items >= 0).last(count)


def test_prediction_input_of_sasrec_and_gru4rec() -> None:
    case = GOLDEN["sasrec_gru_prediction"]
    assert left_padded(known_last(sessions_of(case["prompts"]), N), N) == case["input"]


def test_prediction_input_of_bert4rec() -> None:
    prompts = sessions_of(GOLDEN["sasrec_gru_prediction"]["prompts"])
    masked = [[*row, GOLDEN["mask_id"]] for row in left_padded(known_last(prompts, N - 1), N - 1)]
    assert masked == GOLDEN["bert_prediction"]["input"]


def test_training_rows_of_sasrec_and_gru4rec() -> None:
    case = GOLDEN["sasrec_gru_training"]
    rows = np.array(left_padded(sessions_of(GOLDEN["sessions_reduced_ids"]).last(N + 1), N + 1))
    shifted = rows[:, :-1]
    assert shifted.tolist() == case["input"]
    # A one-item session has nothing to predict from: its row is padding.
    assert np.where(shifted >= 0, rows[:, 1:], -1).tolist() == case["target"]
    assert (shifted[2] == -1).all()


def test_training_sequences_of_bert4rec() -> None:
    sessions = sessions_of(GOLDEN["sessions_reduced_ids"])
    assert left_padded(sessions.last(N), N) == GOLDEN["bert_training"]["sequences"]


def test_an_unknown_only_prompt_is_empty_and_stays_in_its_place() -> None:
    case = GOLDEN["sasrec_gru_prediction"]
    prompts = known_last(sessions_of(case["prompts"]), N)
    assert prompts.lengths.tolist() == [3, 4, 1, 4, 4, 1, 0]
    assert prompts.last_items[-1] == -1
    assert prompts.session_ids.tolist() == [int(key) for key in case["prompts"]]


def test_ids_are_dense_and_reversible_but_number_hashes() -> None:
    # Deviation: the reference numbers by first appearance; an id must not carry time here.
    case = GOLDEN["id_reducer"]
    ids = dense_ids(pd.Series([str(item) for item in case["column"]]))
    assert sorted(set(ids.ids.tolist())) == sorted(case["original_to_reduced"].values())
    assert ids.keys[ids.ids].tolist() == [str(item) for item in case["column"]]
