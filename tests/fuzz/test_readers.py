"""Raw readers on hostile files: what a naive reading of the same file gives, or one line why not.

Nothing leaves silently: every line of a file is a row, is counted by its rule, or is malformed.
"""

import ast
import csv
import gzip
import io
import json
import math
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmseqrec.config import Columns, Dataset
from llmseqrec.data import amazon, movielens, steam
from llmseqrec.data import csv as tables
from llmseqrec.data.raw import RawData
from tests.fuzz.hostile import (
    MEGABYTE,
    Refused,
    characters,
    damaged,
    fuzzed,
    ids,
    numbers,
    surrogates,
    texts,
    value_or_line,
    values,
)

NO_METADATA = b"{'asin': 'none'}\n"
GAMES = b"{'id': 'g1', 'title': 'Game', 'genres': ['A'], 'tags': ['b']}\n"
WITHOUT, MALFORMED = "without ", "malformed"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def dataset(**settings: Any) -> Dataset:
    """A dataset that takes any share of malformed lines, so that all of them are counted."""
    given = {"display": "Fuzz", "format": "amazon", "splits": {}, "malformed_share": 1.0}
    return Dataset(**(given | settings))


def plain(content: bytes) -> bytes | None:
    """What a file holds; None where its compressed data are broken."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError):
        return None


def naive(content: bytes, judge: Any) -> tuple[list[Any], Counter[str]]:
    """Rows, and counts of what is none, by a judgement of each line on its own."""
    rows, counts = [], Counter[str]()
    for line in content.split(b"\n"):
        if not line or line.isspace():
            continue
        found = judge(line)
        if isinstance(found, str):
            counts[found] += 1
        elif found is not None:
            rows.append(found)
    return rows, counts


def same_counts(raw: RawData, role: str, counts: Counter[str]) -> None:
    """The report counts what the naive reading counts, and no row is lost between them."""
    found = Counter({key: n for key, n in raw.report.counts.items() if key.startswith(role)})
    found[MALFORMED] = raw.report.n_malformed
    expected = Counter({key.replace(WITHOUT, f"{role}_without_"): n for key, n in counts.items()})
    assert +found == +expected


# Amazon


@st.composite
def reviews(draw: st.DrawFn) -> bytes:
    lines = draw(st.lists(review_lines(), max_size=6))
    return b"".join(line + draw(st.sampled_from([b"\n", b"\r\n", b"\n\n"])) for line in lines)


@st.composite
def review_lines(draw: st.DrawFn) -> bytes:
    usual = {"reviewerID": ids, "asin": ids, "unixReviewTime": numbers, "overall": numbers}
    pairs = [(key, draw(kind)) for key, kind in usual.items() if draw(st.integers(0, 9))]
    pairs += draw(st.lists(st.tuples(st.sampled_from([*usual, "x"]), values), max_size=1))
    ascii_only = draw(st.booleans())
    parts = [
        f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=ascii_only)}" for key, value in pairs
    ]
    line = "{" + ", ".join(parts) + "}"
    extra = ["NaN", "[]", "{", "nonsense", "1", '"x"', '{"asin": 1e999}', '{"asin": "\\ud800"}']
    return draw(st.sampled_from([line] * 6 + extra)).encode()


def judge_review(line: bytes) -> Any:
    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = Counter(key for key, _ in found)
        if any(keys[key] > 1 for key in amazon.REVIEW_FIELDS):
            raise ValueError
        return dict(found)

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        review = json.loads(line.decode(), object_pairs_hook=pairs, parse_constant=refuse)
        # Neither half pairs nor numbers that became infinite can be written again.
        json.dumps(review, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return MALFORMED
    if not isinstance(review, dict):
        return MALFORMED
    user, item, time = (review.get(name) for name in amazon.REVIEW_FIELDS)
    for name, value in zip(amazon.REVIEW_FIELDS, (user, item, time), strict=True):
        if value is None or value == "":
            return WITHOUT + name
    rating = review.get("overall")
    known = rating is None or (
        isinstance(rating, int | float)
        and not isinstance(rating, bool)
        and abs(rating) <= float(np.finfo(np.float32).max)
    )
    typed = isinstance(user, str) and isinstance(item, str) and type(time) is int
    if not typed or not known or not -(2**63) <= time < 2**63:
        return MALFORMED
    return user, item, time, math.nan if rating is None else float(np.float32(rating))


@fuzzed()
@given(content=damaged(reviews()))
def test_amazon_reviews(folder: Path, content: bytes) -> None:
    files = {"reviews": folder / "reviews.json", "metadata": folder / "meta.json"}
    files["reviews"].write_bytes(content)
    files["metadata"].write_bytes(NO_METADATA)
    raw = value_or_line(lambda: amazon.read(dataset(), files), files["reviews"])
    opened = plain(content)
    if isinstance(raw, Refused):
        assert opened is None or not opened.strip()  # broken, or without a line
        return
    assert opened is not None
    rows, counts = naive(opened, judge_review)
    found = raw.interactions.astype({"session": object, "item": object})
    assert found["session"].tolist() == [row[0] for row in rows]
    assert found["item"].tolist() == [row[1] for row in rows]
    assert found["timestamp"].tolist() == [row[2] for row in rows]
    ratings = found["rating"].tolist() if "rating" in found else [math.nan] * len(rows)
    np.testing.assert_array_equal(ratings, [row[3] for row in rows])
    same_counts(raw, "reviews", counts)


# Python literals


@st.composite
def literal_lines(draw: st.DrawFn, keys: tuple[str, ...]) -> bytes:
    usual = st.one_of(ids, texts, surrogates, numbers, values, st.lists(texts, max_size=2))
    pairs = [(key, draw(usual)) for key in keys if draw(st.integers(0, 9))]
    line = "{" + ", ".join(f"{key!r}: {value!r}" for key, value in pairs) + "}"
    extra = ["[]", "{'", "nonsense", "{'id': open('x')}", "{'id': nan}", "{'id': 'é", "{1: 2}"]
    return draw(st.sampled_from([line] * 6 + extra)).encode("utf-8", "surrogatepass") + b"\n"


def literal(line: bytes) -> dict[Any, Any] | None:
    """Python's own reading of a line; None where it is no dict."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value = ast.literal_eval(line.decode())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def is_text(value: Any) -> bool:
    """Whether a value as text is in one piece; pairs of halves are one character."""
    try:
        str(value).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        return False
    return True


def joined(value: Any) -> str:
    return str(value).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def judge_steam_review(line: bytes) -> Any:
    review = literal(line)
    if review is None:
        return MALFORMED
    user, game, day = (review.get(name) for name in steam.REVIEW_FIELDS)
    if day not in (None, "") and not (isinstance(day, str) and day == "2015-01-01"):
        return MALFORMED
    for name, value in (("username", user), ("product_id", game)):
        if value is None or value == "" or not is_text(value):
            return WITHOUT + name
    if day in (None, ""):
        return WITHOUT + "date"
    return (joined(user),) if str(game) == "g1" else WITHOUT + "game"


@fuzzed()
@given(
    content=damaged(
        st.lists(
            literal_lines(steam.REVIEW_FIELDS)
            | st.builds(
                lambda user, game, day: (
                    repr({"username": user, "product_id": game, "date": day}).encode(
                        "utf-8", "surrogatepass"
                    )
                    + b"\n"
                ),
                st.one_of(ids, surrogates, values),
                st.sampled_from(["g1", "g2", None]),
                st.sampled_from(["2015-01-01", "", None]),
            ),
            max_size=6,
        ).map(b"".join)
    )
)
def test_steam_reviews(folder: Path, content: bytes) -> None:
    files = {"reviews": folder / "reviews.json", "games": folder / "games.json"}
    files["reviews"].write_bytes(content)
    files["games"].write_bytes(GAMES)
    raw = value_or_line(lambda: steam.read(dataset(format="steam"), files), files["reviews"])
    opened = plain(content)
    if isinstance(raw, Refused):
        assert opened is None or not opened
        return
    assert opened is not None
    rows, counts = naive(opened, judge_steam_review)
    assert raw.interactions["session"].astype(object).tolist() == [row[0] for row in rows]
    same_counts(raw, "reviews", counts)


def judge_game(line: bytes) -> Any:
    game = literal(line)
    if game is None:
        return MALFORMED
    item, title, genres, tags = (game.get(name) for name in steam.GAME_FIELDS)
    if any(value is None for value in (item, title, genres, tags)):
        return "games_without_metadata"
    if not isinstance(genres, list) or not isinstance(tags, list):
        return "games_without_metadata"
    if not is_text(item):
        return MALFORMED
    lists = (sorted(joined(name) for name in names) for names in (genres, tags))
    return (joined(item), joined(title), *lists)


@fuzzed()
@given(content=damaged(st.lists(literal_lines(steam.GAME_FIELDS), max_size=5).map(b"".join)))
def test_steam_games(folder: Path, content: bytes) -> None:
    files = {"reviews": folder / "reviews2.json", "games": folder / "games2.json"}
    files["reviews"].write_bytes(b"{'username': 'u'}\n")
    files["games"].write_bytes(content)
    raw = value_or_line(lambda: steam.read(dataset(format="steam"), files), files["games"])
    opened = plain(content)
    rows, counts = naive(opened or b"", judge_game)
    first = {row[0]: row for row in reversed(rows)}
    if isinstance(raw, Refused):
        differ = any(first[row[0]] != row for row in rows)
        assert opened is None or not opened or (differ and "described twice" in raw)
        return
    columns = ["item", "title", "genres", "tags"]
    found = [tuple(row) for row in raw.items[columns].itertuples(index=False)]
    assert found == [first[item] for item in dict.fromkeys(row[0] for row in rows)]
    assert raw.report.n_malformed == counts[MALFORMED]
    assert raw.report.counts.get("games_without_metadata", 0) == counts["games_without_metadata"]


# MovieLens

movie_fields = st.one_of(
    st.sampled_from(["1", "2", "5", "978300760", "x", "", "nan", "inf", "1e999", "-1", "1_0"]),
    numbers.map(str),
)


def judge_rating(line: bytes) -> Any:
    parts = line.decode("latin-1").strip().split("::")
    try:
        user, item, rating, time = parts
        value, seconds = float(rating), int(time)
    except ValueError:
        return MALFORMED
    known = abs(value) <= float(np.finfo(np.float32).max)
    if not user or not item or not known or not -(2**63) <= seconds < 2**63:
        return MALFORMED
    return user, item, seconds, float(np.float32(value))


@fuzzed()
@given(
    content=damaged(
        st.lists(st.lists(movie_fields, min_size=3, max_size=5).map("::".join), max_size=6).map(
            lambda lines: "\n".join(lines).encode("latin-1", "replace")
        )
    )
)
def test_movielens_ratings(folder: Path, content: bytes) -> None:
    files = {"ratings": folder / "ratings.dat", "movies": folder / "movies.dat"}
    files["ratings"].write_bytes(content)
    files["movies"].write_bytes(b"1::One (1990)::Drama\n")
    made = dataset(format="movielens")
    raw = value_or_line(lambda: movielens.read(made, files), files["ratings"])
    opened = plain(content)
    if isinstance(raw, Refused):
        assert opened is None or not opened.strip()
        return
    rows, counts = naive(opened or b"", judge_rating)
    found = raw.interactions.astype({"session": object, "item": object})
    assert [tuple(row) for row in found.itertuples(index=False)] == rows
    assert raw.report.n_malformed == counts[MALFORMED]


# csv


@st.composite
def shop_rows(draw: st.DrawFn) -> list[tuple[str, str, str, str]]:
    times = st.one_of(
        st.sampled_from(["0", "-5", "12.5", "2020-01-02", "2020-01-02T00:00:01Z", "nan", "inf"]),
        st.sampled_from(["", "1e11", "99999999999999", "-1e300", "yesterday", "0x10"]),
        numbers.map(str),
    )
    return draw(st.lists(st.tuples(ids, ids, times, texts), max_size=6))


def written(rows: list[tuple[str, ...]]) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("session_id", "item_id", "timestamp", "title"), *rows])
    return stream.getvalue().encode()


def seconds(text: str) -> int | None:
    """Seconds of a time that a person would take for one; None for any other."""
    dates = {"2020-01-02": 1577923200, "2020-01-02T00:00:01Z": 1577923201}
    if text in dates:
        return dates[text]
    try:
        value = float(text)
    except ValueError:
        return None
    return math.floor(value) if abs(value) <= 10**11 else None


def stripped(text: str) -> str:
    """White space as Unicode has it, which is less than Python's."""
    return text.strip(" \t\n\r\x0b\x0c\x85\xa0\u2028\u2029")


@fuzzed()
@given(rows=shop_rows())
def test_csv_interactions(folder: Path, rows: list[tuple[str, str, str, str]]) -> None:
    path = folder / "rows.csv"
    path.write_bytes(written(rows))
    made = dataset(format="csv", columns=Columns(title="title"))
    raw = value_or_line(lambda: tables.read(made, {"interactions": path}), path)
    if isinstance(raw, Refused):
        assert not rows
        return
    kept = [
        (stripped(user), stripped(item), seconds(time))
        for user, item, time, _ in rows
        if stripped(user) and stripped(item) and seconds(time) is not None
    ]
    found = raw.interactions.astype({"session": object, "item": object})
    columns = ["session", "item", "timestamp"]
    assert [tuple(row) for row in found[columns].itertuples(index=False)] == kept
    assert raw.report.n_malformed == len(rows) - len(kept)


@fuzzed()
@given(content=damaged(shop_rows().map(written)))
def test_damaged_csv(folder: Path, content: bytes) -> None:
    path = folder / "damaged.csv"
    path.write_bytes(content)
    raw = value_or_line(lambda: tables.read(dataset(format="csv"), {"interactions": path}), path)
    if not isinstance(raw, Refused):
        assert len(raw.interactions) + raw.report.n_malformed == raw.report.lines["interactions"]


@pytest.mark.parametrize("reader", ["amazon", "steam", "csv"])
def test_a_megabyte_of_title_is_kept(folder: Path, reader: str) -> None:
    path = folder / reader
    other = folder / "other"
    if reader == "csv":
        path.write_bytes(written([("u", "i", "1", MEGABYTE)]))
        made = dataset(format="csv", columns=Columns(title="title"))
        items = tables.read(made, {"interactions": path}).items
    elif reader == "amazon":
        path.write_bytes(f"{{'asin': 'i', 'title': '{MEGABYTE}', 'x': 1}}\n".encode())
        other.write_bytes(b'{"reviewerID": "u", "asin": "i", "unixReviewTime": 1}\n')
        items = amazon.read(dataset(), {"reviews": other, "metadata": path}).items
    else:
        game = {"id": "i", "title": MEGABYTE, "genres": [], "tags": []}
        path.write_bytes(repr(game).encode() + b"\n")
        other.write_bytes(b"{'username': 'u', 'product_id': 'i', 'date': '2015-01-01'}\n")
        items = steam.read(dataset(), {"reviews": other, "games": path}).items
    assert items.set_index("item").loc["i", "title"] == MEGABYTE


@fuzzed()
@given(name=st.lists(characters, max_size=3).map("".join))
def test_a_header_of_anything_is_read_or_refused(folder: Path, name: str) -> None:
    path = folder / "header.csv"
    path.write_bytes(f"{name}session_id,item_id,timestamp\nu,i,1\n".encode())
    value_or_line(lambda: tables.read(dataset(format="csv"), {"interactions": path}), path)
