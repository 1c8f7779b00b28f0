"""`llmseqrec cache`: looking, checking, sharing, tidying."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from llmseqrec.__main__ import main
from llmseqrec.services.cache import Paid, Source, VectorCache
from tests.services.test_cache import SOURCE, bought, vector_of

OTHER = Source("vertex", "https://aiplatform.googleapis.com", "text-embedding-005")
Printed = pytest.CaptureFixture[str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A cache of three vectors of one source and one of another."""
    cache = VectorCache(tmp_path / "cache.sqlite")
    cache.add(SOURCE, bought(["a", "b", "c"]))
    cache.add(OTHER, {"a": Paid(np.ones(5, dtype=np.float32))})
    return cache.database.path


def cache(path: Path, *arguments: object) -> int:
    return main(["cache", "--path", str(path), *map(str, arguments)])


def change(path: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement, values)


def test_stats_tell_of_every_source(path: Path, capsys: Printed) -> None:
    assert cache(path, "stats") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("openai https://api.openai.com/v1 text-embedding-3-small: 3 vectors")
    assert first.endswith("of 8 dimensions, 0.0 MiB, 6 tokens, 1.5000 USD")
    assert second.endswith("0 tokens, 0.0000 USD and 1 of unknown price")


def test_a_cache_that_is_right_passes(path: Path, capsys: Printed) -> None:
    assert cache(path, "verify") == 0
    assert "all vectors are what they should be" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("statement", "values", "reason"),
    [
        ("UPDATE vectors SET text = 'z' WHERE text = 'b'", [], "filed under another key"),
        ("UPDATE vectors SET vector = ? WHERE text = 'b'", [b"123"], "a vector of 3 bytes"),
        ("UPDATE vectors SET vector = ? WHERE text = 'b'", [bytes(32)], "a vector of zeros"),
        ("UPDATE vectors SET vector = ? WHERE text = 'b'", [b"\xff" * 32], "NaN or infinity"),
        ("UPDATE vectors SET vector = ? WHERE text = 'b'", [b"1234"], "vectors of 2 widths"),
    ],
)
def test_verify_finds_what_is_wrong(
    path: Path, statement: str, values: list[bytes], reason: str, capsys: Printed
) -> None:
    change(path, statement, *values)
    assert cache(path, "verify") == 1
    printed = capsys.readouterr()
    assert reason in printed.out
    count = len(printed.out.splitlines())
    assert printed.err == f"error: {path}: {count} problems\n"


def test_shared_vectors_are_taken_over_once(path: Path, tmp_path: Path, capsys: Printed) -> None:
    shared, mine = tmp_path / "shared.sqlite", tmp_path / "mine" / "cache.sqlite"
    assert cache(path, "export", shared, "--provider", "openai") == 0
    VectorCache(mine).add(SOURCE, bought(["c", "d"]))
    assert cache(mine, "import", shared) == 0
    assert cache(mine, "import", shared) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{shared}: 3 vectors",
        f"{mine}: 2 vectors are new",
        f"{mine}: 0 vectors are new",
    ]
    found = VectorCache(mine)
    np.testing.assert_array_equal(found.read(SOURCE, ["b", "a"]), [vector_of("b"), vector_of("a")])
    assert found.cost(SOURCE, ["a", "d"]).usd == 1.0
    assert found.count(OTHER) == 0


def test_nothing_is_taken_over_from_a_file_with_a_wrong_vector(
    path: Path, tmp_path: Path, capsys: Printed
) -> None:
    shared, mine = tmp_path / "shared.sqlite", tmp_path / "mine.sqlite"
    assert cache(path, "export", shared) == 0
    change(shared, "UPDATE vectors SET text = 'z' WHERE text = 'c'")
    assert cache(mine, "import", shared) == 1
    assert "filed under another key" in capsys.readouterr().err
    assert VectorCache(mine).count(SOURCE) == 0


def test_prune_deletes_what_is_named_only(path: Path, capsys: Printed) -> None:
    assert cache(path, "prune") == 1
    assert "name a provider or a model" in capsys.readouterr().err
    assert cache(path, "prune", "--model", "text-embedding-005") == 0
    assert capsys.readouterr().out == f"{path}: 1 vectors deleted\n"
    assert (VectorCache(path).count(SOURCE), VectorCache(path).count(OTHER)) == (3, 0)


@pytest.mark.parametrize("action", ["stats", "verify", "prune --model m"])
def test_an_absent_cache_is_told(tmp_path: Path, action: str, capsys: Printed) -> None:
    assert cache(tmp_path / "no.sqlite", *action.split()) == 1
    assert capsys.readouterr().err == f"error: {tmp_path}/no.sqlite: no such cache\n"
    assert not list(tmp_path.iterdir())
