"""Cases of fine-tuning: which sessions, what is withheld, and how validation is drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseqrec.errors import InputError
from llmseqrec.llm import cases
from llmseqrec.llm.cases import Case, draw_cases, eligible_cases, training_cases
from llmseqrec.llm.parameters import CaseParameters
from llmseqrec.sessions import Prompts, Sessions

NAMED = np.array([True, True, True, False])


def sessions_of(*lists: list[int]) -> Sessions:
    offsets = np.cumsum([0, *map(len, lists)]).astype(np.int64)
    items = np.array([item for items in lists for item in items], dtype=np.int32)
    return Sessions(offsets, items, 10 + np.arange(len(lists), dtype=np.int32))


def numbered(count: int) -> list[Case]:
    return [Case(session, (0, 1), 2) for session in range(count)]


def test_the_last_item_is_the_target() -> None:
    found = eligible_cases(sessions_of([0, 1, 2], [2, 1, 1, 0]), NAMED, CaseParameters())
    assert found == [Case(10, (0, 1), 2), Case(11, (2, 1, 1), 0)]


def test_short_and_unnamed_sessions_are_no_cases() -> None:
    train = sessions_of([0, 1], [0, 3, 1, 2], [], [0, 1, 3], [1, 1, 1])
    assert eligible_cases(train, NAMED, CaseParameters()) == [Case(14, (1, 1), 1)]
    shorter = eligible_cases(train, NAMED, CaseParameters(min_prompt_items=1))
    assert [case.session_id for case in shorter] == [10, 14]


def test_prompts_as_cases_with_and_without_their_targets() -> None:
    prompts = Prompts(sessions_of([1], [], [2, 3]), np.array([0, 1, 2], dtype=np.int32))
    assert list(training_cases(prompts))[2] == Case(12, (2, 3), 2)
    assert list(cases.test_cases(prompts.sessions)) == [
        Case(10, (1,)),
        Case(11, ()),
        Case(12, (2, 3)),
    ]


@given(
    count=st.integers(2, 60),
    share=st.integers(1, 59) | st.floats(0.01, 0.99),
    most=st.none() | st.integers(1, 80),
    seed=st.integers(0, 9),
)
@settings(max_examples=80, deadline=None)
def test_the_parts_are_disjoint_and_as_large_as_asked_for(
    count: int, share: float, most: int | None, seed: int
) -> None:
    wanted = int(share * count) if isinstance(share, float) else min(share, count - 1)
    parameters = CaseParameters(
        validation=share if isinstance(share, float) else wanted, training=most
    )
    drawn = draw_cases(numbered(count), parameters, seed)
    ids = [case.session_id for case in drawn.training + drawn.validation]
    assert len(set(ids)) == len(ids)
    assert len(drawn.validation) == wanted
    assert len(drawn.training) == min(count - wanted, most or count)


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_cases() -> None:
    parameters = CaseParameters(validation=30)
    drawn = draw_cases(numbered(100), parameters, 1)
    assert draw_cases(numbered(100)[::-1], parameters, 1) == drawn
    assert draw_cases(numbered(100), parameters, 2) != drawn
    assert drawn.training != sorted(drawn.training, key=lambda case: case.session_id)


def test_without_validation_all_cases_train() -> None:
    drawn = draw_cases(numbered(5), CaseParameters(validation=0), 1)
    assert (len(drawn.training), drawn.validation) == (5, [])


@pytest.mark.parametrize("count", [0, 500])
def test_validation_must_leave_something_to_train_on(count: int) -> None:
    with pytest.raises(InputError, match=rf"cases\.validation: 500 of {count} cases"):
        draw_cases(numbered(count), CaseParameters(validation=500), 1)
