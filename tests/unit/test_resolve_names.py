"""Generated names to items: exact names, nearest items, repeats, and what is reported."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseqrec.errors import InputError
from llmseqrec.llm.cases import Case
from llmseqrec.llm.choose_names import choose_names
from llmseqrec.llm.names import Names
from llmseqrec.llm.nearest import Nearest
from llmseqrec.llm.resolve_names import SampleRules, report_names, resolve_list, resolve_samples
from tests.unit.prompt_tasks import TASK_NAMES, nearest_on_a_line, on_a_circle, task_of

TITLES = [f"item {number}" for number in range(10)]
# Between items 3 and 4, nearer to 3; and beside item 9.
PLACES = {"three and more": 0.34, "beyond": 0.95, "also beyond": 0.96}
PAPER = SampleRules("frequency", "drop", 20)
REFERENCE = SampleRules("first_appearance", "neighbours", 20)


@pytest.fixture
def nearest() -> Nearest:
    return nearest_on_a_line(Names(TITLES), PLACES)


def names(*items: int) -> list[str]:
    return [TITLES[item] for item in items]


def test_frequency_ranks_and_ties_keep_the_order_of_appearance(nearest: Nearest) -> None:
    assert resolve_samples(names(5, 2, 7, 7, 2, 1), [], nearest, PAPER) == [2, 7, 5, 1]


def test_an_unknown_name_becomes_its_nearest_item_in_its_place(nearest: Nearest) -> None:
    samples = ["three and more", *names(5), "three and more", "beyond", "also beyond"]
    assert resolve_samples(samples, [], nearest, PAPER) == [3, 5, 9]


def test_repeats_become_near_items_at_the_end(nearest: Nearest) -> None:
    samples = ["three and more", *names(5, 5, 1)]
    # Item 3 for the unknown name; 4 for the second 5, as 6 lies as near and has a higher id.
    assert resolve_samples(samples, [], nearest, REFERENCE) == [5, 1, 3, 4]


def test_no_near_item_is_in_the_prompt_or_generated(nearest: Nearest) -> None:
    samples = ["three and more", *names(4)]
    assert resolve_samples(samples, names(3), nearest, REFERENCE) == [4, 2]


def test_a_known_name_stays_though_the_prompt_has_it(nearest: Nearest) -> None:
    for rules in (PAPER, REFERENCE):
        assert resolve_samples(names(4), names(4), nearest, rules) == [4]


SAMPLES = st.lists(st.sampled_from([*TITLES, *PLACES]), max_size=20)


@given(samples=SAMPLES, prompt=st.lists(st.integers(0, 9), max_size=5))
@settings(max_examples=200, deadline=None)
@pytest.mark.parametrize("rules", [PAPER, REFERENCE, SampleRules("frequency", "neighbours", 3)])
def test_lists_are_distinct_items_of_the_catalogue(
    rules: SampleRules, samples: list[str], prompt: list[int]
) -> None:
    found = nearest_on_a_line(Names(TITLES), PLACES)
    items = resolve_samples(samples, names(*prompt), found, rules)
    assert len(set(items)) == len(items) <= min(rules.k, len(samples))
    assert set(items) <= set(range(10))
    known = {TITLES.index(name) for name in samples if name in TITLES}
    assert rules.k < 20 or known <= set(items)


def test_a_list_keeps_its_order_and_takes_free_items(nearest: Nearest) -> None:
    generated = ["three and more", *names(8, 3), "beyond", "also beyond", *names(8)]
    # 3 is named later on, so the first name takes 4; of the two beyond, one takes 9, one 7.
    assert resolve_list(generated, nearest, 20) == [4, 8, 3, 9, 7]
    assert resolve_list(generated, nearest, 2) == [4, 8]


def test_shared_names_stand_for_the_lowest_or_the_last_id() -> None:
    titles = ["a", " b ", "b", ""]
    assert Names(titles).find("b") == 1
    assert Names(titles, "last").find("b") == 2
    assert Names(titles).find("") is None
    assert Names(titles).named.tolist() == [True, True, True, False]


def test_rank_finds_the_candidate_that_was_meant() -> None:
    titles = ["soap", "comb", "soap"]
    case = Case(1, (1,))
    for duplicates, item in (("first", 2), ("last", 2)):
        task = task_of("rank", titles, {1: [2, 1]}, duplicates=duplicates)
        assert task.resolve(case, ["soap"], None) == [item]
    task = task_of("rank", titles, {1: [0, 1]}, duplicates="last")
    assert task.resolve(case, ["soap"], None) == [2]  # the study's rule leaves the candidates
    assert task_of("rank", titles, {1: [0, 1]}).resolve(case, ["soap"], None) == [0]


def test_tasks_tell_how_many_neighbours_they_look_at() -> None:
    found = {name: task_of(name, TITLES, k=3).neighbours for name in TASK_NAMES}
    assert found == {"gen_item": 23, "gen_list": 3, "class": 0, "rank": 0}


def test_a_list_of_made_up_names_needs_no_deeper_look() -> None:
    task = task_of("gen_list", TITLES, k=4)
    same = nearest_on_a_line(task.names, dict.fromkeys("abcd", 0.0), task.neighbours)
    assert task.resolve(Case(1, (0,)), list("abcd"), same) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", TASK_NAMES)
def test_no_list_is_longer_than_asked_for(name: str) -> None:
    task = task_of(name, TITLES, {1: range(10)}, k=2, categories=range(10))
    found = nearest_on_a_line(task.names, {}, 3)
    generated = names(1, 0, 2)
    assert len(task.resolve(Case(1, (0,)), generated, found)) == 2


@pytest.mark.parametrize("name", ["gen_item", "gen_list"])
def test_tasks_without_candidates_need_vectors(name: str) -> None:
    with pytest.raises(ValueError, match="needs item vectors"):
        task_of(name, TITLES).resolve(Case(1, (0,)), names(0), None)


def test_the_report_counts_what_was_generated(nearest: Nearest) -> None:
    generated = [[*names(1, 1), "beyond", "beyond"], [*names(1), "three and more"]]
    report = report_names(generated, nearest.names, nearest)
    assert (report.generated, report.distinct, report.hallucinated) == (6, 4, 3)
    assert report.hallucinated_share == 0.5
    apart = np.array([0.05, 0.05, 0.04])
    assert report.similarity == pytest.approx(np.cos(apart * np.pi / 2).mean(), abs=1e-6)


def test_a_report_of_nothing() -> None:
    empty = report_names([[]], Names(TITLES), None)
    assert (empty.hallucinated_share, empty.similarity) == (None, None)
    unknown = report_names([["beyond"]], Names(TITLES), None)
    assert (unknown.hallucinated, unknown.similarity) == (1, None)


def test_neighbours_are_the_highest_products_and_no_name_is_embedded_twice() -> None:
    asked: list[Sequence[str]] = []

    def embed(texts: Sequence[str]) -> np.ndarray:
        asked.append(texts)
        return on_a_circle(np.array([PLACES[text] for text in texts]))

    vectors = on_a_circle(np.arange(10) / 10)
    found = Nearest(Names(TITLES), vectors, embed, depth=3)
    found.prepare(["beyond", "item 2", "beyond", "three and more"])
    assert found["beyond"].items == [9, 8, 7]
    assert found["item 2"].items == [2, 1, 3]
    assert found["three and more"].similarity == pytest.approx(np.cos(0.04 * np.pi / 2), abs=1e-6)
    assert asked == [["beyond", "three and more"]]


def test_items_without_a_name_are_nobodys_neighbours() -> None:
    vectors = np.array([[-1], [0], [-2]], dtype=np.float32)
    found = Nearest(Names(["a", "", "c"]), vectors, lambda texts: np.ones((len(texts), 1)), 3)
    assert found["other"].items == [0, 2]


def test_vectors_must_belong_to_the_catalogue() -> None:
    vectors = on_a_circle(np.arange(10) / 10)
    with pytest.raises(InputError, match="10 item vectors for a catalogue of 1 items"):
        Nearest(Names(["a"]), vectors, lambda texts: vectors, 1)
    found = Nearest(Names(TITLES), vectors, lambda texts: np.ones((len(texts), 3)), 1)
    with pytest.raises(InputError, match=r"\(1, 3\)"):
        found.prepare(["other"])


def naive_likeness(name: str, other: str) -> float:
    """By the table of longest common subsequences of all prefixes."""
    table = np.zeros((len(name) + 1, len(other) + 1), dtype=int)
    for row, left in enumerate(name, start=1):
        for column, right in enumerate(other, start=1):
            best = max(table[row - 1, column], table[row, column - 1])
            table[row, column] = table[row - 1, column - 1] + 1 if left == right else best
    return 2 * table[-1, -1] / max(len(name) + len(other), 1)


WORDS = st.text(alphabet="abc", max_size=12)


@given(name=WORDS.filter(bool), candidates=st.lists(WORDS, min_size=1, max_size=6, unique=True))
@settings(deadline=None)
def test_the_closest_candidate_shares_the_longest_subsequence(
    name: str, candidates: list[str]
) -> None:
    ratios = [naive_likeness(name, candidate) for candidate in candidates]
    assert choose_names([name], candidates, "closest") == [ratios.index(max(ratios))]


CANDIDATES = ["soap bar", "comb", "soap dish", "hair oil"]


def test_choices_go_by_likeness_of_words() -> None:
    assert choose_names(["Hair-Oil!", "combs", "soap  dish"], CANDIDATES, "closest") == [3, 1, 2]


def test_case_does_not_count() -> None:
    assert choose_names(["SOAP DISHES"], CANDIDATES, "closest") == [2]


def test_the_first_of_equal_candidates_is_chosen_first() -> None:
    assert choose_names(["comb", "comb"], ["oil", "comb", "comb"], "closest") == [1, 2]


def test_a_repeated_choice_becomes_the_closest_or_the_farthest() -> None:
    assert choose_names(["soap bar", "soap bar"], CANDIDATES, "closest") == [0, 2]
    assert choose_names(["soap bar", "soap bar"], CANDIDATES, "farthest")[1] in (1, 3)


@given(generated=st.lists(st.sampled_from(CANDIDATES) | st.text(max_size=9), max_size=9))
@pytest.mark.parametrize("repeats", ["closest", "farthest"])
def test_no_candidate_is_chosen_twice(repeats: str, generated: list[str]) -> None:
    chosen = choose_names(generated, CANDIDATES, repeats)
    assert len(chosen) == len(set(chosen)) == min(len(generated), len(CANDIDATES))
    assert choose_names(generated, [], repeats) == []
