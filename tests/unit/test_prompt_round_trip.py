"""Answers that tasks write are read back whole, whatever titles hold; malformed ones never fail."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmseqrec.llm.cases import Case
from llmseqrec.llm.names import Names, from_line, to_line
from llmseqrec.llm.tasks.base import PromptTask
from tests.unit.prompt_tasks import STYLES, TASK_NAMES, nearest_on_a_line, task_of

PIECES = ["BEGIN", "END", "###", " ###", "\n", "\r\n", "1. ", "20. x", "2) ", "{", "}", "{name}"]
PIECES += [
    "Unknown item",
    "␤",
    "␍",
    "␛",
    "\\n",
    "\u2028",
    "\x85",
    "\0",
    "No. 5",
    "é",
    "香水",
    "🧴",
    '"',
]
# A cut at the stop text is the service's; a name that holds it cannot be asked of one.
STOP = "###"


def stripped(title: str) -> bool:
    return title == title.strip() and bool(title)


TITLES = (
    st.text(max_size=40)
    | st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=8).map("".join)
    | st.text(min_size=1, max_size=3).map(lambda text: (text * 900)[:900])
).map(str.strip)
CATALOGUES = st.lists(TITLES.filter(stripped), min_size=1, max_size=20, unique=True)
AWKWARD = [
    "1. END",
    "BEGIN\nEND",
    "a ###",
    "###",
    "x" * 900,
    "2",
    "2.",
    "2. 3. x",
    "\\n",
    "a\nb",
    "a␤b",
]


def answered(name: str, titles: list[str], **options: Any) -> tuple[PromptTask[Any], Case]:
    """A task and a case whose answer names the items in the order of their ids."""
    task = task_of(name, titles, {7: range(len(titles))}, **options)
    return task, Case(7, (), 0)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", TASK_NAMES)
@given(titles=CATALOGUES)
@example(titles=AWKWARD)
@settings(max_examples=25, deadline=None)
def test_an_answer_is_read_back(name: str, style: str, titles: list[str]) -> None:
    task, case = answered(name, titles, style=style)
    expected = titles[:1] if name == "gen_item" else titles
    parsed = task.parse(task.answer(case))
    assert parsed == expected
    nearest = nearest_on_a_line(Names(titles), {})
    assert task.resolve(case, parsed, nearest) == list(range(len(expected)))


@pytest.mark.parametrize("name", TASK_NAMES)
@given(titles=CATALOGUES.filter(lambda titles: not any(STOP in title for title in titles)))
@settings(max_examples=40, deadline=None)
def test_an_answer_that_the_service_stopped_is_read_back(name: str, titles: list[str]) -> None:
    task, case = answered(name, titles, style="completion")
    answer = task.answer(case)
    assert answer.endswith(f" {task.template.stop}")
    assert task.parse(answer.split(STOP)[0]) == task.parse(answer)


@given(title=st.text(max_size=40) | TITLES)
@example("a\r\nb␛␤")
@settings(deadline=None)
def test_a_name_fits_one_line(title: str) -> None:
    line = to_line(title)
    assert not {"\n", "\r"} & set(line)
    assert from_line(line) == title


@given(title=st.text(alphabet=st.characters(exclude_characters="\n\r␤␍␛"), max_size=80))
def test_a_title_without_line_breaks_is_written_untouched(title: str) -> None:
    assert to_line(title) == title


@pytest.mark.parametrize("style", ["chat", "completion"])
@pytest.mark.parametrize("name", TASK_NAMES)
@given(answer=st.text(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
@example("")
@example("BEGIN\nEND")
@example("END\nBEGIN\n1. a\n")
@example("1.\n2. \n3.   \n")
@settings(max_examples=60, deadline=None)
def test_any_answer_can_be_read_and_resolved(name: str, style: str, answer: str) -> None:
    task, case = answered(name, ["soap", "comb", "1. mask"], style=style, k=2)
    parsed = task.parse(answer)
    assert len(parsed) <= 2
    assert all(map(str.strip, parsed))
    nearest = nearest_on_a_line(task.names, dict.fromkeys(parsed, 0.4))
    items = task.resolve(case, parsed, nearest)
    assert len(items) == len(set(items)) <= len(parsed)
    assert set(items) <= {0, 1, 2}


@pytest.mark.parametrize("name", ["gen_list", "class", "rank"])
@given(titles=CATALOGUES, data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_cut_answer_gives_the_names_before_the_cut(
    name: str, titles: list[str], data: st.DataObject
) -> None:
    task, case = answered(name, titles)
    before, after = task.template.answer_frame("list")
    answer = task.answer(case)
    first_line = answer.index("\n", len(before)) + 1
    cut = data.draw(st.integers(first_line, len(answer) - len(after)))
    parsed = task.parse(answer[:cut])
    whole = answer[len(before) : cut].count("\n")
    assert parsed[:whole] == titles[:whole]
    assert len(parsed) <= (whole if name == "gen_list" else whole + 1)


MALFORMED = [
    ("gen_item", "", []),
    ("gen_item", " \n ", []),
    ("gen_item", "  soap\n", ["soap"]),
    ("gen_list", "Sorry, I cannot do that.", ["Sorry, I cannot do that."]),
    ("gen_list", "BEGIN\n1. soap\n2.\n3. comb\nEND\n4. mask\n", ["soap", "comb"]),
    ("gen_list", "BEGIN\n1. BLENDER\n2. TREND\nEND", ["BLENDER", "TREND"]),
    ("gen_list", "1. soap\n2. co", ["soap"]),
    ("gen_list", "BEGIN\nsoap\n\ncomb\nEND\n", ["soap", "comb"]),
    ("class", "I recommend:\n 1) soap\n2.comb\n3. mask", ["soap", "mask"]),
    ("rank", "soap\ncomb\n", []),
    ("rank", "1. soap\r\n2. comb\r\n", ["soap", "comb"]),
]


@pytest.mark.parametrize(("name", "answer", "names"), MALFORMED)
def test_what_is_read_from_malformed_answers(name: str, answer: str, names: list[str]) -> None:
    assert task_of(name, ["soap"]).parse(answer) == names
