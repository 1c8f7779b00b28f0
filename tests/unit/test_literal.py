"""Fields of Python-literal lines equal `ast.literal_eval`, on every line."""

import ast
import gzip
import itertools
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseqrec.data.literal import LiteralFields, decode

KEYS = ("username", "product_id", "date", "text")
REJECTED = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError)


def expected(line: str, keys: tuple[str, ...] = KEYS) -> dict[str, str] | None:
    """Type and value of each wanted field by Python's own parser; None: the line is rejected."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            values = ast.literal_eval(line)
        except REJECTED:
            return None
    if not isinstance(values, dict):
        return None
    return {key: repr(values[key]) for key in keys if key in values}


def read_all(lines: list[str], fields: LiteralFields | None = None) -> list[dict[str, str] | None]:
    """The same by the reader, from one block; a new one learns the order of the keys from it."""
    block = (fields or LiteralFields(KEYS)).read("".join(f"{line}\n" for line in lines).encode())
    found: list[dict[str, str] | None] = [None] * len(lines)
    for row, offset in enumerate(block.lines):
        sources = {key: column[row] for key, column in block.columns.items()}
        found[offset] = {key: repr(decode(source)) for key, source in sources.items() if source}
    rejected = {offset for offset, _ in block.malformed}
    blank = {offset for offset, line in enumerate(lines) if not line or line.encode().isspace()}
    assert rejected | blank == {offset for offset, row in enumerate(found) if row is None}
    return found


LINES = [
    "{'username': 'a', 'product_id': '1', 'date': '2015-01-01'}",
    "{u'username': u'a', u'product_id': u'1', u'date': u'2015-01-01', u'hours': 1.5}",
    "{'username': \"it's\", 'text': 'he said \"no\"'}",
    r"{'text': 'it\'s, \'product_id\': \'1\', \'date\'', 'product_id': '2'}",
    "{'text': \"'product_id': '1'\", 'product_id': '2'}",
    r"""{'text': "a \"b\" 'product_id': '1'}", 'username': 'x'}""",
    r"{'text': 'ends in a backslash\\', 'username': 'x'}",
    r"{'text': 'quote after two \\\' and three \\\\\'', 'username': 'x'}",
    r"{'text': 'unterminated \\\', 'username': 'x'}",
    r"{'text': '¯\\_(ツ)_/¯ \\d \\', 'username': 'x'}",
    r"{'username': '\x41\u1234\U0001f600\N{BULLET}\101\0\n\t\a'}",
    r"{'username': '\ud83d\ude00 \ud800'}",
    r"{'text': '\d unknown escape', 'username': '\q'}",
    r"{'text': '\x4', 'username': 'x'}",
    r"{'text': '\u12', 'username': 'x'}",
    r"{'text': '\U00110000', 'username': 'x'}",
    r"{'text': '\N{no such name}', 'username': 'x'}",
    r"{'text': '\477', 'username': '\8'}",
    "{'username': 'first', 'username': 'last'}",
    "{'username': 'first', 'username': 5}",
    "{'username': 5, 'username': 'last'}",
    r"{'username': 'first', 'user\x6eame': 'last'}",
    "{'username': 'first', 'user' 'name': 'last'}",
    "{\"username\": 'x'}",
    "{'username\": 'x'}",
    "{U'username': 'x', ur'date': 'y'}",
    "{'username': b'x', 'date': B'y'}",
    "{'username': r'a\\b', 'date': R'\\'}",
    "{'username': f'a'}",
    "{'username': 'a' 'b', 'date': 'c'\"d\"}",
    "{'username': '''a'b''', 'date': \"\"\"c\"\"\"}",
    "{'username': '', 'date': u''}",
    "{'username': 'a' 'b\"' \"'\"}",
    "{'username': None, 'date': True, 'text': False, 'product_id': -1.5}",
    "{'username': 007, 'date': 1}",
    "{'username': 1_000, 'date': 0x1F, 'text': 1e5, 'product_id': 1e999}",
    "{'username': 1., 'date': .5, 'text': +1, 'product_id': - 1}",
    "{'username': --1}",
    "{'username': 1+2j, 'date': 1-2, 'text': 3j}",
    "{'username': 12345678901234567890123, 'date': -0, 'text': 00, 'product_id': -0.0}",
    "{'username': [1, 'a', [u'b', {'c': None}], []], 'date': {}}",
    "{'username': (1, 2), 'date': {1, 2}, 'text': set(), 'product_id': ...}",
    "{'username': [[[[[1]]]]], 'date': {'a': {'b': {'c': {'d': 1}}}}}",
    "{'related': {'also_bought': ['1', '2'], 'username': 'no'}, 'username': 'yes'}",
    "{'a': [{'username': 'no'}], 'date': 'd'}",
    "{1: 2, None: 3, (1, 2): 4, 'username': 'x'}",
    "{[1]: 2, 'username': 'x'}",
    "{'a': {[]: 1}, 'username': 'x'}",
    "{'username': Truex}",
    "{'username': true, 'date': null}",
    "{'username': nan}",
    "{'username': open('x')}",
    "{'username': 'x' if 1 else 2}",
    "{**{'username': 'x'}}",
    "{'username'}",
    "{'username' 'x'}",
    "{'username':: 'x'}",
    "{'username': 'x',}",
    "{'username': 'x', }",
    "{'username': 'x',, 'date': 'y'}",
    "{, 'username': 'x'}",
    "{'username': 'x' 'date': 'y'}",
    "{'username': ['a' 'b', 'c',], 'date': [,]}",
    "{'username': [1 2]}",
    "{}",
    "{ }",
    "[]",
    "'username'",
    "1",
    "",
    "   ",
    "{",
    "}",
    "{'username': 'x'",
    "'username': 'x'}",
    "{'username': 'x'}}",
    "{'username': 'x'} {'date': 'y'}",
    "{'username': 'x'}, {'date': 'y'}",
    "{'username': 'x'}  ",
    "  {'username': 'x'}",
    "\t{'username': 'x'}",
    "\f{'username': 'x'}",
    "{'username' :'x' , 'date':'y'}",
    "{'username':   'x',   'date':'y'}",
    "{'username': 'x'} # comment",
    "{'username': 'x' # comment }",
    "{'username': 'x'}\\",
    "{'username': 'x'}\r",
    "{'username': 'a\rb'}",
    "{'username': 'a',\r'date': 'b'}",
    "{'text': 'a\rb', 'username': 'x'}",
    "{'username': 'a\0b'}",
    "{'text': 'a\0b', 'username': 'x'}\0",
    "{'username': 'tab\tinside \x0b\x0c\x1a\x7f\x85\xa0\u2028\ufeff'}",
    "\ufeff{'username': 'x'}",
    "{'username': 'x'}\u2028",
    "{'username': 'x'};",
    "{'username': 'Ünïcödé 日本 😀', 'nom d’usager': 1}",
    "{usérname: 'x'}",
    "{'unfinished': 'string, 'username': 'x'}",
    "{'next_line_is_swallowed': 'string",
    "', 'username': 'x'}",
    "{'text': \"double",
    "\", 'username': 'x'}",
    "{'date': '2015-01-01', 'text': '" + "x" * 2000 + "'}",
    "{'username': " + "[" * 300 + "]" * 300 + "}",
    "{'username': " + "9" * 5000 + "}",
]


@pytest.mark.parametrize("line", LINES)
def test_a_line_equals_python(line: str) -> None:
    assert read_all([line]) == [expected(line)]


def test_lines_of_one_block_do_not_touch_each_other() -> None:
    assert read_all(LINES) == [expected(line) for line in LINES]


@pytest.mark.parametrize("pair", itertools.pairwise(LINES), ids=lambda pair: pair[0][:30])
def test_two_lines_do_not_touch_each_other(pair: tuple[str, str]) -> None:
    assert read_all(list(pair)) == [expected(line) for line in pair]


text = st.text(st.sampled_from("ab'\"\\ nrx01uN{}[]:,é😀\t\r\0\x85"), max_size=8)
atoms = st.one_of(text, st.integers(-99, 99), st.floats(allow_nan=False), st.booleans(), st.none())
values = st.recursive(
    atoms, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3)
)
keys = st.sampled_from([*KEYS, "hours", "", "user", "usernames"])


@st.composite
def literals(draw: st.DrawFn) -> str:
    """Source of a string in one of the many ways to write it, not all of them valid."""
    quote = draw(st.sampled_from(["'", '"', "'''", "'"]))
    prefix = draw(st.sampled_from(["", "u", "", "b", "r", "U"]))
    body = draw(st.lists(st.sampled_from(PIECES), max_size=6))
    return prefix + quote + "".join(body) + quote


PIECES = [
    "a", " ", "'", '"', "\\'", '\\"', "\\\\", "\\n", "\\x41", "\\u1234", "\\x4", "\\N{BULLET}",
    "\\0", "\\777", "\\U0001f600", "\\U00110000", "\\d", "\\", "é", "😀", "{", "}",
    ", 'date': ", "\t", "#",
]  # fmt: skip


@st.composite
def lines(draw: st.DrawFn) -> str:
    """A line like those of the files, sometimes with one character changed."""
    pairs = []
    for key in draw(st.lists(keys, max_size=5)):
        value = draw(st.one_of(literals(), values.map(repr)))
        name = draw(st.sampled_from(["'{}'", "u'{}'", "'{}'", '"{}"'])).format(key)
        pairs.append(name + draw(st.sampled_from([": ", ":", " : ", ": "])) + value)
    line = "{" + draw(st.sampled_from([", ", ",", ", "])).join(pairs) + "}"
    place = draw(st.integers(-len(line), len(line) - 1))
    kind = draw(st.sampled_from(["keep", "keep", "cut", "insert"]))
    if kind == "cut":
        return line[:place] + line[place:][1:]
    if kind == "insert":
        return line[:place] + draw(st.sampled_from("'\"\\,:{}[]u0 \r\0#")) + line[place:]
    return line


EXPERIENCED = LiteralFields(KEYS)
EXPERIENCED.read(b"{'username': 'a', 'hours': 1, 'date': 'b', 'product_id': 'c', 'text': 'd'}\n")


@settings(max_examples=150, deadline=None)
@given(st.lists(lines(), min_size=1, max_size=4))
def test_any_lines_equal_python(drawn: list[str]) -> None:
    assert read_all(drawn, EXPERIENCED) == [expected(line) for line in drawn]


@settings(max_examples=20, deadline=None)
@given(st.lists(lines(), min_size=1, max_size=4))
def test_any_first_lines_equal_python(drawn: list[str]) -> None:
    assert read_all(drawn) == [expected(line) for line in drawn]


def test_lines_with_ever_new_keys_equal_python() -> None:
    drawn = [f"{{'key{number}': {number}, 'username': '{number}'}}" for number in range(300)]
    assert read_all(drawn) == [expected(line) for line in drawn]


def test_keys_may_stand_in_another_order_than_in_the_first_lines() -> None:
    usual = "{'username': 'a', 'hours': 1, 'date': 'b', 'text': 'c'}"
    drawn = [usual, "{'text': 'c', 'date': 'b'}", "{'date': 'b', 'hours': [1]}", usual]
    assert read_all(drawn) == [expected(line) for line in drawn]


def test_bytes_that_are_not_utf8_spoil_their_line_only() -> None:
    block = LiteralFields(KEYS).read(
        b"{'username': 'a'}\n{'username': '\xff'}\n{'username': 'b'}\n"
    )
    assert [decode(value) for value in block.columns["username"]] == ["a", "b"]
    assert list(block.lines) == [0, 2]
    assert block.malformed == [(1, "not UTF-8")]


def test_crlf_lines_are_read() -> None:
    block = LiteralFields(KEYS).read(b"{'username': 'a'}\r\n{'username': 'b'}\r\n\r\n")
    assert block.columns["username"] == (b"'a'", b"'b'")
    assert not block.malformed


@pytest.mark.parametrize(
    "pair", ["'date': 'x'", "'a': ['x', 1]", "'a': {'b': ['c']}", r"'a': 'it\'s'", "'a': -1.5"]
)
@pytest.mark.parametrize("last", ["'date': ?", "'date': 1e5", "'date': ["])
def test_a_long_line_outside_the_subset_takes_no_exponential_time(pair: str, last: str) -> None:
    line = "{" + f"{pair}, " * 500 + last + "}"
    assert read_all([line]) == [expected(line)]


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("steam_games.json.gz", ("id", "title", "genres", "tags", "price", "developer")),
        ("steam_reviews_v1_dated.json.gz", KEYS),
    ],
)
def test_real_steam_lines_equal_python(real_data: Path, name: str, keys: tuple[str, ...]) -> None:
    with gzip.open(real_data / "steam" / name, "rt", encoding="utf-8", newline="\n") as stream:
        sample = [line.rstrip("\n") for line in itertools.islice(stream, 0, None, 20)]
    assert read_all(sample, LiteralFields(keys)) == [expected(line, keys) for line in sample]
