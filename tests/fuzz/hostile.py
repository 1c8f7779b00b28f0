"""Input that nobody means well with, and what must come of any of it."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from llmseqrec.errors import InputError

# The same examples each time, or (`make fuzz`) twenty times as many, others each time.
LONG = os.environ.get("LLMSEQREC_FUZZ") == "long"
# Messages hold what users gave only in parts.
LONGEST_MESSAGE = 3000
MEGABYTE = "x" * 1_000_000


def fuzzed(examples: int = 40) -> settings:
    """How many examples a property is tried on."""
    return settings(
        max_examples=examples * (20 if LONG else 1),
        derandomize=not LONG,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def value_or_line(call: Callable[[], Any], path: Path | str) -> Any:
    """What the call gives; or the message of its InputError, checked: one line, naming the file."""
    try:
        return call()
    except InputError as error:
        message = str(error)
    assert "\n" not in message
    assert "\r" not in message
    assert str(path) in message
    assert len(message) < LONGEST_MESSAGE
    return Refused(message)


class Refused(str):
    """The message of an InputError."""


# Characters at which readers stumble: of JSON, csv and Python, white space, NUL, half pairs.
characters = st.sampled_from(
    [*"ab'\"\\,:{}[]|u0N \t\r\n\0\x85", "\u2028", "é", "日", "😀", "\ufeff", "\ufffd", "NA", "null"]
)
texts = st.lists(characters, max_size=6).map("".join)
surrogates = st.sampled_from(["\ud800", "a\udfff", "\ud83d\ude00"])
ids = st.one_of(st.sampled_from(["u1", "u2", "007", "NA", "nan", "None", ""]), texts)
numbers = st.one_of(
    st.integers(-5, 5),
    st.integers(),
    st.sampled_from([0, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**25]),
    st.floats(allow_nan=False, allow_infinity=False),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def damaged(draw: st.DrawFn, content: st.SearchStrategy[bytes]) -> bytes:
    """A file as it is, or cut, with a byte changed, in another encoding, packed, packed and cut."""
    made = draw(content)
    kind = draw(
        st.sampled_from(["as it is"] * 4 + ["cut", "byte", "utf-16", "bom", "gz", "gz cut"])
    )
    place = draw(st.integers(0, max(len(made) - 1, 0)))
    if kind == "cut":
        return made[:place]
    if kind == "byte":
        return made[:place] + bytes([draw(st.integers(0, 255))]) + made[place + 1 :]
    if kind == "utf-16":
        return made.decode("utf-8", "replace").encode("utf-16")
    if kind == "bom":
        return b"\xef\xbb\xbf" + made
    if kind in ("gz", "gz cut"):
        packed = gzip.compress(made, mtime=0)
        return packed if kind == "gz" else packed[: draw(st.integers(3, len(packed) - 1))]
    return made
