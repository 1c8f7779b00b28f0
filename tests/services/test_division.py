"""How texts are divided, and how long they are taken to be."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from llmseqrec.services.division import Limits, divide
from llmseqrec.services.tokens import estimated_tokens, token_bound

LIMITS = Limits(texts=3, tokens=20, text_tokens=100)


@given(st.lists(st.text(min_size=1, max_size=30), max_size=20))
def test_requests_hold_all_texts_in_order_within_the_limits(texts: list[str]) -> None:
    requests = list(divide(texts, LIMITS))
    assert [text for request in requests for text in request] == texts
    assert all(1 <= len(request) <= 3 for request in requests)
    for request in requests:
        assert len(request) == 1 or sum(map(token_bound, request)) <= 20


@given(st.lists(st.text(min_size=1, max_size=30), min_size=2, max_size=20))
def test_no_request_could_take_the_text_that_follows(texts: list[str]) -> None:
    requests = list(divide(texts, LIMITS))
    for request, following in pairwise(requests):
        bound = sum(map(token_bound, [*request, following[0]]))
        assert len(request) == 3 or bound > 20


def test_the_bound_is_in_bytes_and_the_estimate_a_third() -> None:
    assert (token_bound("Rosé"), estimated_tokens("Rosé"), estimated_tokens("a")) == (5, 2, 1)
