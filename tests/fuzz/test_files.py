"""Files that users give or could have touched: lists, keys, sessions, tables, runs, answers."""

import copy
import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmseqrec.arrays import read_array
from llmseqrec.contracts import SESSIONS, read_json, read_table, write_table
from llmseqrec.data.checksums import read_checksums
from llmseqrec.data.splits import test_membership as read_membership
from llmseqrec.errors import InputError
from llmseqrec.evaluation.external import read_external
from llmseqrec.inspection import inspection_script
from llmseqrec.llm.prompt_files import read_prompts
from llmseqrec.models.parameters import ExternalParameters
from llmseqrec.predict import read_sessions
from llmseqrec.saved import SavedRun
from tests.conftest import Tiny
from tests.fuzz.hostile import Refused, damaged, fuzzed, ids, texts, value_or_line, values
from tests.unit.prompt_tasks import TASK_NAMES, task_of
from tests.unit.trained import files_of, run_of, train

KEYS = ["u1", "u2", "007", "NA", "nan", "None", "a b", "é"]
CATALOGUE = pd.DataFrame({"item_id": range(len(KEYS)), "source_id": KEYS})
PEOPLE = pd.DataFrame({"session_id": range(len(KEYS)), "source_id": KEYS})
rows = st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(KEYS) | texts), max_size=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


def as_csv(content: list[tuple[str, ...]]) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([("session_id", "item_id"), *content])
    return stream.getvalue().encode()


def lists_of(path: Path) -> Any:
    names = ExternalParameters(path=str(path))
    return value_or_line(lambda: read_external(path, names, PEOPLE, CATALOGUE)[0], path)


def expected(content: list[tuple[str, str]]) -> dict[str, list[str | None]]:
    """Each session's items without repeats; None stands for an unknown one, once for each name."""
    lists: dict[str, list[str]] = {}
    for session, item in content:
        lists.setdefault(session, []).append(item)
    return {
        session: [item if item in KEYS else None for item in dict.fromkeys(items)]
        for session, items in lists.items()
    }


@fuzzed()
@given(content=rows, kind=st.sampled_from(["csv", "json", "rows.json", "parquet"]))
def test_lists_of_other_systems(folder: Path, content: list[tuple[str, str]], kind: str) -> None:
    path = folder / f"lists.{kind}"
    frame = pd.DataFrame(content, columns=["session_id", "item_id"], dtype="str")
    if kind == "csv":
        path.write_bytes(as_csv(content))
    elif kind == "parquet":
        frame.to_parquet(path)
    elif kind == "rows.json":
        path.write_bytes(orjson.dumps(frame.to_dict("records")))
    else:
        lists: dict[str, list[str]] = {}
        for session, item in content:
            lists.setdefault(session, []).append(item)
        path.write_bytes(orjson.dumps(lists))
    table = lists_of(path)
    if isinstance(table, Refused):
        assert not content
        return
    found = {
        KEYS[session]: [KEYS[item] if item < len(KEYS) else None for item in items]
        for session, items in table.groupby("session_id")["item_id"].agg(list).items()
    }
    assert found == expected(content)


@fuzzed()
@given(content=damaged(rows.map(as_csv)), name=st.sampled_from(["l.csv", "l.csv.gz", "l.json"]))
def test_damaged_lists(folder: Path, content: bytes, name: str) -> None:
    (folder / name).write_bytes(content)
    lists_of(folder / name)


@fuzzed()
@given(found=values)
def test_lists_of_any_json(folder: Path, found: Any) -> None:
    path = folder / "any.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    lists_of(path)


@fuzzed()
@given(content=damaged(st.lists(ids, max_size=5).map(lambda keys: "\n".join(keys).encode())))
def test_memberships(folder: Path, content: bytes) -> None:
    path = folder / "members.txt"
    path.write_bytes(content)
    listed = value_or_line(lambda: read_membership(PEOPLE, path), path)
    if not isinstance(listed, Refused):
        keys = [line.strip() for line in content.decode("utf-8-sig").split("\n")]
        assert sorted(PEOPLE["source_id"][listed]) == sorted(filter(None, keys))


@fuzzed()
@given(content=damaged(rows.map(as_csv)))
def test_sessions_to_predict_for(folder: Path, content: bytes) -> None:
    path = folder / "sessions.csv"
    path.write_bytes(content)
    value_or_line(lambda: read_sessions(path), path)


@fuzzed()
@given(content=rows)
def test_sound_sessions_are_read_as_they_are(folder: Path, content: list[tuple[str, str]]) -> None:
    path = folder / "sound.csv"
    path.write_bytes(as_csv(content))
    found = read_sessions(path)
    given = [(session, item or None) for session, item in content]
    read = found[["session_id", "item_id"]].astype(object).itertuples(index=False)
    assert [(a, None if pd.isna(b) else b) for a, b in read] == given


@fuzzed()
@given(place=st.integers(0, 5000), byte=st.integers(0, 255), cut=st.booleans())
def test_damaged_tables_and_arrays(folder: Path, place: int, byte: int, cut: bool) -> None:
    table, array = folder / "sessions.parquet", folder / "array.npy"
    write_table(PEOPLE, table, SESSIONS)
    np.save(array, np.arange(30, dtype=np.int32))
    for path, read in (
        (table, lambda: read_table(table, SESSIONS)),
        (array, lambda: read_array(array)),
    ):
        content = bytearray(path.read_bytes())
        content[place % len(content)] = byte
        path.write_bytes(content[: place % len(content)] if cut else content)
        value_or_line(read, path)


@fuzzed()
@given(content=damaged(values.map(lambda value: json.dumps(value).encode())))
def test_json_checksums_and_prompts(folder: Path, content: bytes) -> None:
    path = folder / "file.json"
    path.write_bytes(content)
    for read in (read_json, read_checksums, read_prompts):
        value_or_line(lambda read=read: read(path), path)  # type: ignore[misc]


@pytest.fixture(scope="module")
def fitted(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fitted run of MostPopular."""
    root = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        return train(run_of("most_popular"), files_of(tiny, root)).resolve()


@fuzzed()
@given(data=st.data())
def test_a_run_whose_facts_were_changed(fitted: Path, data: st.DataObject) -> None:
    path = fitted / "run.json"
    kept = fitted / "kept.json"
    if not kept.exists():
        shutil.copy(path, kept)
    facts = read_json(kept)
    made = copy.deepcopy(facts)
    target, key = made, data.draw(st.sampled_from(sorted(facts)))
    if isinstance(target[key], dict) and target[key] and data.draw(st.booleans()):
        target = target[key]
        key = data.draw(st.sampled_from(sorted(target)))
    target[key] = data.draw(values | st.sampled_from(["../../x", "/etc/passwd", "a\0b"]))
    path.write_text(json.dumps(made), encoding="utf-8")
    value_or_line(lambda: SavedRun.load(fitted), "")


def test_a_path_that_no_file_can_have_is_told(fitted: Path) -> None:
    if (fitted / "kept.json").exists():
        shutil.copy(fitted / "kept.json", fitted / "run.json")
    facts = read_json(fitted / "run.json")
    changed = facts | {"files": facts["files"] | {"catalogue": "a\0b"}}
    kept = (fitted / "run.json").read_bytes()
    (fitted / "run.json").write_text(json.dumps(changed), encoding="utf-8")
    with pytest.raises(InputError, match=r"run.json: .* is no path of a file; train it again"):
        SavedRun.load(fitted)
    (fitted / "run.json").write_bytes(kept)


@fuzzed(20)
@given(place=st.integers(0, 10**6), byte=st.integers(0, 255), cut=st.booleans())
def test_a_run_whose_model_was_changed(fitted: Path, place: int, byte: int, cut: bool) -> None:
    if (fitted / "kept.json").exists():
        shutil.copy(fitted / "kept.json", fitted / "run.json")
    path = fitted / "model" / "model.safetensors"
    kept = fitted / "model" / "kept"
    if not kept.exists():
        shutil.copy(path, kept)
    content = bytearray(kept.read_bytes())
    content[place % len(content)] = byte
    path.write_bytes(content[: place % len(content)] if cut else content)
    value_or_line(lambda: SavedRun.load(fitted), "")


@pytest.mark.parametrize("name", TASK_NAMES)
def test_any_answer_of_a_model_is_read(name: str) -> None:
    task = task_of(name, ["One", "Two", "", "<script>"])

    @fuzzed()
    @given(answer=texts | st.lists(texts, max_size=4).map("\n".join) | st.text())
    def check(answer: str) -> None:
        for asked in (answer, f"1. {answer}\n2) {answer}\n{answer}", answer + "\n" * 1000):
            names = task.parse(asked)
            assert all(isinstance(found, str) and found.strip() for found in names)

    check()


@fuzzed()
@given(title=texts | st.sampled_from(["</script>", "<!--<script>", "]]>", "\u2028"]))
def test_titles_cannot_leave_the_script_of_a_report(title: str) -> None:
    script = inspection_script("tiny.temporal", {"titles": [title]})
    assert "<" not in script
    start = script.index('{"titles"')
    assert json.loads(script[start : script.rindex(");")]) == {"titles": [title]}
