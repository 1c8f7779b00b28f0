"""What is sent and what is trained: layouts to the character, cuts, limits, what is refused."""

from collections.abc import Mapping, Sequence

import pytest

from llmseqrec.errors import InputError
from llmseqrec.llm.cases import Case
from llmseqrec.llm.names import Names
from llmseqrec.llm.parameters import GenItemParameters
from llmseqrec.llm.prompts import Example, Prompt
from llmseqrec.llm.tasks.base import TaskInputs, shuffled
from llmseqrec.llm.tasks.gen_item import GenItem
from llmseqrec.llm.templates import Template
from tests.unit.prompt_tasks import STYLES, TASK_NAMES, task_of

TITLES = ["soap", "comb", "mask", "", "oil"]
LISTS: Mapping[int, Sequence[int]] = {1: [2, 4, 0], 2: [2, 3]}
CASE = Case(1, (0, 1), 4)


def test_the_layout_of_the_completion_model() -> None:
    example = task_of("gen_item", TITLES, style="completion").example(CASE)
    assert example.prompt.text == "1. soap \n2. comb \n \n\n###\n\n"
    assert (example.answer, example.prompt.stop) == (" oil ###", "###")


def test_chat_messages_and_the_same_as_one_text() -> None:
    chat = task_of("gen_item", TITLES).prompt(CASE)
    plain = task_of("gen_item", TITLES, style="plain").prompt(CASE)
    system, user = chat.messages()
    assert (system["role"], user["role"]) == ("system", "user")
    assert user["content"].endswith(":\nsoap\ncomb")
    assert chat.messages("oil")[2] == {"role": "assistant", "content": "oil"}
    assert plain.text == f"{system['content']} {user['content']}"
    assert (chat.chat, plain.chat, chat.stop, plain.stop) == (True, False, None, "###")


@pytest.mark.parametrize("name", TASK_NAMES)
def test_the_instruction_format(name: str) -> None:
    text = task_of(name, TITLES, LISTS, style="instruction").prompt(CASE).text
    parts = [text.index(f"### {part}:\n") for part in ("Instruction", "Input", "Response")]
    assert parts == sorted(parts)
    assert text.endswith("\n\n### Response:\n")
    assert "soap\ncomb\n" in text


def test_the_answer_of_gen_list_has_the_target_first() -> None:
    lines = task_of("gen_list", TITLES, LISTS, k=3).answer(CASE).split("\n")
    start = lines.index("BEGIN")
    assert lines[start + 1 : start + 6] == ["1. oil", "2. mask", "3. soap", "", "END"]


def test_a_target_outside_the_list_takes_the_place_of_its_last_item() -> None:
    task = task_of("gen_list", TITLES, LISTS, k=3)
    assert task.parse(task.answer(Case(1, (0,), 1))) == ["comb", "mask", "oil"]


def test_rank_shows_the_list_shuffled_and_answers_in_its_order() -> None:
    titles = [f"item {number}" for number in range(20)]
    task = task_of("rank", titles, {5: list(range(20))})
    trained, asked = Case(5, (0,), 19), Case(5, (0,))
    assert task.parse(task.answer(trained))[:3] == ["item 19", "item 0", "item 1"]
    shown = task.candidates(asked)
    assert sorted(shown) == list(range(20)) != shown
    assert "\n".join(titles[item] for item in shown) in task.prompt(asked).user
    assert task.candidates(asked) == shown != task.candidates(trained)


def test_candidates_are_shuffled_by_seed_and_session() -> None:
    items = list(range(20))
    orders = [shuffled(items, seed, session) for seed, session in ((0, 1), (0, 2), (1, 1))]
    assert shuffled(items, 0, 1) == orders[0]
    assert all(sorted(order) == items for order in orders)
    assert len(set(map(tuple, orders))) == 3


def test_rank_does_not_put_the_target_among_the_candidates_of_a_test_prompt() -> None:
    task = task_of("rank", TITLES, LISTS, k=2)
    assert sorted(task.candidates(Case(1, (0,)))) == [2, 4]
    assert sorted(task.candidates(Case(1, (0,), 1))) == [1, 2]


def test_rank_leaves_out_candidates_without_a_name() -> None:
    assert task_of("rank", TITLES, LISTS).candidates(Case(2, (0,))) == [2]


def test_class_lists_all_categories_and_answers_with_the_nearest() -> None:
    task = task_of("class", ["a", "b", "c", "d", "e"], categories=[4, 0, 2], k=2)
    assert "e\na\nc\n" in task.prompt(CASE).user
    assert task.answer(Case(1, (0,), 1)) == "1. a\n2. c\n"


@pytest.mark.parametrize("name", ["gen_list", "rank"])
def test_a_session_without_a_list_is_named(name: str) -> None:
    task = task_of(name, TITLES, LISTS)
    with pytest.raises(InputError, match="session 9"):
        task.example(Case(9, (0, 1), 2))


@pytest.mark.parametrize("name", ["gen_list", "rank"])
def test_what_cannot_be_trained_on(name: str) -> None:
    task = task_of(name, TITLES, LISTS)
    unnamed_in_list, absent, untargeted = Case(2, (0,), 1), Case(9, (0,), 1), Case(1, (0,))
    assert task.trainable([unnamed_in_list, CASE, absent, untargeted]) == [CASE]


@pytest.mark.parametrize("name", ["gen_item", "gen_list", "class"])
def test_an_answer_needs_a_target(name: str) -> None:
    with pytest.raises(ValueError, match="target"):
        task_of(name, TITLES, LISTS).answer(Case(1, (0,)))


def test_items_without_a_title_have_a_word() -> None:
    prompt = task_of("gen_item", TITLES).prompt(Case(1, (3, 0)))
    assert prompt.user.endswith("Unknown item\nsoap")


def test_long_prompts_keep_their_last_items() -> None:
    def text(limit: int) -> str:
        options = {"style": "completion", "prompt_characters": limit, "last_items": 2}
        return task_of("gen_item", TITLES, **options).prompt(Case(1, (0, 1, 2, 4))).text

    whole = text(1000)
    assert whole.startswith("1. soap")
    assert text(len(whole)) == whole
    assert text(len(whole) - 1).startswith("1. mask \n2. oil \n \n")


def test_tokens_of_messages_and_of_one_text() -> None:
    messages = Example(Prompt("a b", "c", " ", True, None), "d e f")
    # Three roles, six words, three for each message and three for the reply.
    assert messages.count_tokens(str.split) == 3 + 6 + 9 + 3
    text = Example(Prompt("a b", "c", " ", False, None), "d e f")
    assert text.count_tokens(str.split) == 6


@pytest.mark.parametrize("style", STYLES)
def test_cases_above_the_token_limit_are_left_out(style: str) -> None:
    short, long = Case(1, (0, 1), 2), Case(2, (0, 1) * 30, 2)
    free = task_of("gen_item", TITLES, style=style)
    limit = free.example(short).count_tokens(str.split)
    task = task_of("gen_item", TITLES, style=style, cases={"token_limit": limit})
    assert task.trainable([short, long], str.split) == [short]
    assert task.trainable([short, long]) == [short, long]
    below = task_of("gen_item", TITLES, style=style, cases={"token_limit": limit - 1})
    assert below.trainable([short, long], str.split) == []


def test_what_a_template_puts_around_a_name_is_taken_off() -> None:
    template = Template(user="{items}", answer="Next: {name}.")
    task = GenItem(GenItemParameters(), TaskInputs(Names(["Next: No. 5."]), template))
    answer = task.answer(Case(1, (), 0))
    assert answer == "Next: Next: No. 5.."
    assert task.parse(answer) == ["Next: No. 5."]
    assert task.parse(" soap\n") == ["soap"]


@pytest.mark.parametrize("name", TASK_NAMES)
@pytest.mark.parametrize("style", STYLES)
def test_titles_with_braces_are_text(name: str, style: str) -> None:
    titles = ["{items}", "{k}", "{0}"]
    task = task_of(name, titles, {1: [0, 1, 2]}, style=style)
    assert "{items}" in task.prompt(Case(1, (0, 1), 2)).text
    assert "{0}" in task.answer(Case(1, (0, 1), 2))


@pytest.mark.parametrize("style", ["chat", "plain", "instruction"])
@pytest.mark.parametrize("name", ["gen_list", "class", "rank"])
def test_prompts_say_how_many_are_wanted(name: str, style: str) -> None:
    assert " 13 " in task_of(name, TITLES, LISTS, style=style, k=13).prompt(CASE).text
