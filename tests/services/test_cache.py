"""The cache of paid vectors: exact, shared by processes, whole after a kill."""

import dataclasses
import multiprocessing
import os
import signal
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from llmseqrec.errors import InputError
from llmseqrec.services.cache import Paid, Source, VectorCache

SOURCE = Source("openai", "https://api.openai.com/v1", "text-embedding-3-small")
SPAWN = multiprocessing.get_context("spawn")
JOURNALS = pytest.mark.parametrize("journal_mode", ["delete", "wal"])


def vector_of(text: str, dim: int = 8) -> np.ndarray:
    seed = int.from_bytes(SOURCE.key(text)[:4], "big")
    return np.random.default_rng(seed).normal(size=dim).astype(np.float32)


def bought(texts: list[str]) -> dict[str, Paid]:
    return {text: Paid(vector_of(text), tokens=2.0, usd=0.5) for text in texts}


def cache_in(folder: Path, journal_mode: str = "delete") -> VectorCache:
    return VectorCache(folder / "cache" / "embeddings.sqlite", journal_mode)


@JOURNALS
def test_vectors_come_back_bit_by_bit_in_the_order_asked(tmp_path: Path, journal_mode: str) -> None:
    cache = cache_in(tmp_path, journal_mode)
    texts = [f"text {number}" for number in range(1_200)]
    cache.add(SOURCE, bought(texts))
    asked = [*texts[::-1], texts[5], texts[5]]
    np.testing.assert_array_equal(cache.read(SOURCE, asked), [vector_of(text) for text in asked])


def test_missing_texts_are_distinct_and_in_order(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    assert cache.missing(SOURCE, ["b", "a", "b"]) == ["b", "a"]
    assert not (tmp_path / "cache").exists()  # asking writes nothing
    cache.add(SOURCE, bought(["a"]))
    assert cache.missing(SOURCE, ["b", "a", "b"]) == ["b"]
    assert (cache.count(SOURCE), cache_in(tmp_path / "no").count(SOURCE)) == (1, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"provider": "vertex"},
        {"endpoint": "http://127.0.0.1:8000/v1"},
        {"model": "text-embedding-3-large"},
        {"revision": "2"},
        {"dimensions": 256},
        {"task_type": "RETRIEVAL_DOCUMENT"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_decides_a_vector_is_in_its_key(tmp_path: Path, change: dict) -> None:
    cache = cache_in(tmp_path)
    cache.add(SOURCE, bought(["a"]))
    other = dataclasses.replace(SOURCE, **change)
    assert cache.missing(other, ["a"]) == ["a"]
    assert cache.missing(SOURCE, ["a"]) == []


def test_keys_are_injective_and_do_not_change_between_versions() -> None:
    swapped = Source("openai", "e", "m", revision="x"), Source("openai", "e", "m", task_type="x")
    assert len({source.key(text) for source in swapped for text in ("a", "A", "a ", "\ud800")}) == 8
    assert SOURCE.key("Rosé 50 ml").hex() == (
        "395d9a6ab524271d59aca4321cf3937e417dc0150529c1f6aaaf3f196685d682"
    )


def test_the_first_vector_of_a_text_stays(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    cache.add(SOURCE, bought(["a"]))
    cache.add(SOURCE, {"a": Paid(np.ones(8, dtype=np.float32))})
    np.testing.assert_array_equal(cache.read(SOURCE, ["a"])[0], vector_of("a"))


def test_texts_without_a_vector_are_counted(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    cache.add(SOURCE, bought(["a"]))
    with pytest.raises(InputError, match="2 of 3 texts have no vector of text-embedding-3-small"):
        cache.read(SOURCE, ["a", "b", "c", "b"])


def test_the_cost_of_texts_counts_each_once(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    cache.add(SOURCE, bought(["a", "b", "c"]))
    found = cache.cost(SOURCE, ["a", "b", "a"])
    assert (found.texts, found.tokens, found.usd) == (2, 4.0, 1.0)
    cache.add(SOURCE, {"d": Paid(vector_of("d"), tokens=1.0)})
    assert cache.cost(SOURCE, ["a", "d"]).usd is None


def test_another_file_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "embeddings.sqlite"
    path.parent.mkdir()
    path.write_text("no database, but long enough to be read as the header of one" * 9)
    with pytest.raises(InputError, match=r"embeddings\.sqlite: file is not a database"):
        cache_in(tmp_path).missing(SOURCE, ["a"])


def test_a_cache_of_another_version_is_refused(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    cache.add(SOURCE, bought(["a"]))
    with sqlite3.connect(cache.database.path) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(InputError, match="version 9, 1 is known here"):
        cache.add(SOURCE, bought(["b"]))


def test_a_failed_addition_leaves_nothing(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    broken = bought(["a"]) | {"b": Paid(vector_of("b"), tokens=object())}  # type: ignore[arg-type]
    with pytest.raises(InputError):
        cache.add(SOURCE, broken)
    assert cache.missing(SOURCE, ["a", "b"]) == ["a", "b"]


def _write(folder: Path, journal_mode: str, number: int) -> None:
    cache = cache_in(folder, journal_mode)
    for start in range(0, 60, 5):
        # Every text is written by two of the six.
        cache.add(SOURCE, bought([f"{number // 2}/{start + step}" for step in range(5)]))


@JOURNALS
def test_six_writers_lose_nothing(tmp_path: Path, journal_mode: str) -> None:
    writers = [
        SPAWN.Process(target=_write, args=(tmp_path, journal_mode, number)) for number in range(6)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 6
    texts = [f"{group}/{number}" for group in range(3) for number in range(60)]
    cache = cache_in(tmp_path, journal_mode)
    np.testing.assert_array_equal(cache.read(SOURCE, texts), [vector_of(t) for t in texts])
    with sqlite3.connect(cache.database.path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM vectors").fetchone() == (180,)


def _write_on(folder: Path, journal_mode: str, told: "multiprocessing.Queue[int]") -> None:
    cache = cache_in(folder, journal_mode)
    for number in range(10_000):
        cache.claim(SOURCE, [f"text {number}"])
        cache.add(SOURCE, bought([f"text {number}"]))
        told.put(number)


@JOURNALS
def test_a_killed_writer_loses_at_most_what_it_was_writing(
    tmp_path: Path, journal_mode: str
) -> None:
    told = SPAWN.Queue()
    writer = SPAWN.Process(target=_write_on, args=(tmp_path, journal_mode, told))
    writer.start()
    done = max(told.get(timeout=60) for _ in range(7))
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    cache = cache_in(tmp_path, journal_mode)
    texts = [f"text {number}" for number in range(done + 1)]
    np.testing.assert_array_equal(cache.read(SOURCE, texts), [vector_of(t) for t in texts])
    following = [f"text {number}" for number in range(done + 1, 10_000)]
    # Whatever the dead process had claimed is free.
    assert cache.claim(SOURCE, following) == cache.missing(SOURCE, following)


def _claim(folder: Path, claimed: "multiprocessing.Queue[list[str]]", stop: object) -> None:
    claimed.put(cache_in(folder).claim(SOURCE, ["a", "b"]))
    stop.wait(60)  # type: ignore[attr-defined]


def test_a_claimed_text_is_left_to_its_owner_while_that_lives(tmp_path: Path) -> None:
    cache, claimed, stop = cache_in(tmp_path), SPAWN.Queue(), SPAWN.Event()
    other = SPAWN.Process(target=_claim, args=(tmp_path, claimed, stop))
    other.start()
    assert claimed.get(timeout=60) == ["a", "b"]
    assert cache.claim(SOURCE, ["a", "b", "c"]) == ["c"]
    stop.set()
    other.join()
    assert cache.claim(SOURCE, ["a", "b", "c"]) == ["a", "b", "c"]


def test_a_released_or_added_text_is_nobodys(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    assert cache.claim(SOURCE, ["a", "b"]) == ["a", "b"]
    cache.add(SOURCE, bought(["a"]))
    assert cache.claim(SOURCE, ["a", "b"]) == ["b"]
    cache.release()
    with cache.database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM claims").fetchone() == (0,)
