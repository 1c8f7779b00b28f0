"""Lists of a saved run for new sessions: those of the workflow, by the keys that users have."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from llmseqrec import predict as module
from llmseqrec.contracts import ITEMS, read_json, read_table, write_json, write_table
from llmseqrec.device import resolve_device
from llmseqrec.errors import InputError
from llmseqrec.predict import predict, predict_file
from llmseqrec.registry import MODELS
from tests.conftest import Tiny
from tests.unit.trained import K, files_of, keys_of, prompt_rows, recommend, run_of, train

COLUMNS = ["session_id", "rank", "item_id", "title", "score"]
CASES: list[tuple[str, dict[str, Any]]] = [
    (model, {"embedding": vectors})
    for model, entry in MODELS.items()
    if entry.recommender is not None
    for vectors in ([True] if entry.needs_embedding else [False, True] if entry.neural else [False])
]
CASES += [("sknn", {"sampling": "random", "sample_size": 3, "k": 2})]
CASES += [("sasrec", {"fidelity": "reference"})]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder of its own, since state is kept there."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def popular(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fitted run of MostPopular; read it, write elsewhere."""
    return train(run_of("most_popular"), files_of(tiny, tmp_path_factory.mktemp("popular")))


@pytest.fixture(scope="module")
def similar(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fitted run of LLMSeqSim, whose lists depend on the last item only; read it."""
    files = files_of(tiny, tmp_path_factory.mktemp("similar"), embedding=True)
    return train(run_of("llm_seq_sim", embedding=True, pooling="last"), files)


def rows_of(*rows: tuple[Any, ...]) -> pd.DataFrame:
    names = ["session_id", "item_id", "timestamp"]
    return pd.DataFrame(rows, columns=names[: len(rows[0])])


def items_of(lists: pd.DataFrame) -> dict[Any, list[str]]:
    return lists.groupby("session_id", sort=False)["item_id"].agg(list).to_dict()


@pytest.mark.parametrize(("model", "options"), CASES)
def test_lists_equal_those_of_the_workflow(
    model: str, options: dict[str, Any], tiny: Tiny, tmp_path: Path
) -> None:
    run, files = (
        run_of(model, **options),
        files_of(tiny, tmp_path, embedding="embedding" in options),
    )
    folder = train(run, files)
    expected = recommend(run, files, folder)
    sessions, items = keys_of(files)
    source, target = tmp_path / "prompts.csv", tmp_path / "lists.csv"
    prompt_rows(files).to_csv(source, index=False)
    predict_file(folder, source, target, K)
    found = pd.read_csv(target)
    assert found.columns.tolist() == COLUMNS
    numbers = pd.Index(sessions).get_indexer(pd.Index(found["session_id"]))
    found = found.assign(number=numbers).sort_values(["number", "rank"])
    assert found["number"].tolist() == expected["session_id"].tolist()
    assert found["rank"].tolist() == expected["rank"].tolist()
    assert found["item_id"].tolist() == items[expected["item_id"]].tolist()
    np.testing.assert_array_equal(found["score"].to_numpy(np.float32), expected["score"])
    assert found["title"].tolist() == [f"title of {item}" for item in found["item_id"]]


def test_a_frame_gives_what_a_file_gives(popular: Path, tmp_path: Path) -> None:
    rows = rows_of(("s2", "a1"), ("s1", "hub"), ("s2", "b1"))
    rows.to_csv(tmp_path / "sessions.csv.gz", index=False)
    predict_file(popular, tmp_path / "sessions.csv.gz", tmp_path / "lists.csv", 3)
    frame = predict(popular, rows, 3)
    assert frame.columns.tolist() == COLUMNS
    assert frame["session_id"].tolist() == ["s2"] * 3 + ["s1"] * 3
    written = pd.read_csv(tmp_path / "lists.csv")
    pd.testing.assert_frame_equal(frame, written, check_dtype=False)


def test_sessions_keep_the_type_of_their_keys(popular: Path) -> None:
    found = predict(popular, rows_of((7, "a1"), (3, "hub")), 1)
    assert found["session_id"].tolist() == [7, 3]


def test_rows_count_in_the_order_of_the_file_without_times(similar: Path) -> None:
    apart = predict(similar, rows_of(("x", "b2"), ("y", "a1"), ("x", "a3"), ("y", "a2")), 3)
    alone = predict(similar, rows_of(("x", "a3"), ("y", "a2")), 4)
    nearest = items_of(alone)
    assert items_of(apart)["x"] == [item for item in nearest["x"] if item != "b2"][:3]
    assert items_of(apart)["y"] == [item for item in nearest["y"] if item != "a1"][:3]


@pytest.mark.parametrize(
    "times",
    [
        (3, 1, 2),
        (0.3, 0.1, 0.2),
        ("2014-03-01", "2014-01-01", "2014-02-01T10:00:00"),
        ("2014-03-01T00:00:00Z", "2014-01-01T00:00:00Z", "2014-02-01T10:00:00Z"),
    ],
)
def test_times_decide_the_order_where_they_are_given(
    times: tuple[Any, ...], similar: Path, tmp_path: Path
) -> None:
    items = ("a3", "b2", "hub")
    rows = rows_of(*(("x", item, time) for item, time in zip(items, times, strict=True)))
    rows.to_csv(tmp_path / "timed.csv", index=False)
    predict_file(similar, tmp_path / "timed.csv", tmp_path / "lists.csv", 4)
    in_order = predict(similar, rows_of(("x", "b2"), ("x", "hub"), ("x", "a3")), 4)
    assert items_of(pd.read_csv(tmp_path / "lists.csv")) == items_of(in_order)


def test_rows_of_one_time_keep_the_order_of_the_file(similar: Path) -> None:
    timed = predict(similar, rows_of(("x", "a3", 5), ("y", "a1", 4), ("x", "b2", 5)), 4)
    plain = predict(similar, rows_of(("x", "a3"), ("y", "a1"), ("x", "b2")), 4)
    pd.testing.assert_frame_equal(timed, plain)


def test_unknown_items_are_left_out_with_a_warning(
    similar: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = rows_of(("x", "lost"), ("x", "a1"), ("x", "gone"), ("y", "lost"), ("z", "b1"))
    found = items_of(predict(similar, rows, 3))
    assert found == items_of(predict(similar, rows_of(("x", "a1"), ("z", "b1")), 3))
    assert [record.getMessage() for record in caplog.records] == [
        "sessions: rows with an item that the run does not know, left out: 3 "
        "(2 items, such as 'lost')",
        "sessions: sessions without a known item, which get no list: 1",
    ]


def test_no_known_item_at_all_gives_no_rows(popular: Path, tmp_path: Path) -> None:
    assert predict(popular, rows_of(("x", "lost"))).columns.tolist() == COLUMNS
    (tmp_path / "sessions.csv").write_text("session_id,item_id\nx,lost\n")
    predict_file(popular, tmp_path / "sessions.csv", tmp_path / "lists.csv")
    assert pd.read_csv(tmp_path / "lists.csv").columns.tolist() == COLUMNS


@pytest.mark.parametrize("model", ["sasrec", "bert4rec", "gru4rec", "sknn"])
def test_a_session_needs_an_item_of_the_training_sessions(
    model: str, tiny: Tiny, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = files_of(tiny, tmp_path)
    items = read_table(files.catalogue, ITEMS)
    untrained = items.tail(1).assign(item_id=len(items), source_id="new", title="untrained")
    write_table(pd.concat([items, untrained]), files.catalogue, ITEMS)
    folder = train(run_of(model), files)
    found = predict(folder, rows_of(("x", "new"), ("y", "a1"), ("y", "new"), ("z", "lost")), 3)
    assert list(items_of(found)) == ["y"]
    assert caplog.messages[-1] == ("sessions: sessions without a known item, which get no list: 2")
    pd.testing.assert_frame_equal(found, predict(folder, rows_of(("y", "a1")), 3))


def test_a_list_does_not_depend_on_the_sessions_beside_it(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = files_of(tiny, tmp_path)
    folder = train(run_of("sknn", sampling="random", sample_size=3, k=2), files)
    rows = prompt_rows(files).assign(session_id=lambda table: "new " + table["session_id"])
    whole = items_of(predict(folder, rows, K))
    monkeypatch.setattr(module, "CHUNK", 3)
    assert items_of(predict(folder, rows, K)) == whole
    last = rows["session_id"].iloc[-1]
    assert items_of(predict(folder, rows[rows["session_id"] == last], K)) == {last: whole[last]}


def test_titles_of_any_text_come_back(tiny: Tiny, tmp_path: Path) -> None:
    files = files_of(tiny, tmp_path)
    items = read_table(files.catalogue, ITEMS)
    items["title"] = ['A "B", C'] * 5 + ["two\nlines"] * 5 + [""]
    write_table(items, files.catalogue, ITEMS)
    folder = train(run_of("most_popular"), files)
    rows = rows_of(("x", "a1"))
    rows.to_csv(tmp_path / "sessions.csv", index=False)
    predict_file(folder, tmp_path / "sessions.csv", tmp_path / "lists.csv", 11)
    found = pd.read_csv(tmp_path / "lists.csv", keep_default_na=False)
    assert found["title"].tolist() == predict(folder, rows, 11)["title"].tolist()
    assert sorted(found["title"]) == sorted(items["title"])


def test_a_results_folder_may_be_moved(tiny: Tiny, tmp_path: Path) -> None:
    folder = train(run_of("most_popular"), files_of(tiny, tmp_path))
    expected = predict(folder, rows_of(("x", "a1")))
    shutil.move(tmp_path / "results", tmp_path / "elsewhere")
    moved = tmp_path / "elsewhere" / folder.relative_to(tmp_path / "results")
    pd.testing.assert_frame_equal(predict(moved, rows_of(("x", "a1"))), expected)


def test_changed_code_is_warned_of(
    tiny: Tiny, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = train(run_of("most_popular"), files_of(tiny, tmp_path))
    assert len(predict(folder, rows_of(("x", "a1")), 2)) == 2
    assert caplog.text == ""
    edit(folder / "run.json", model_code="0ther")
    assert len(predict(folder, rows_of(("x", "a1")), 2)) == 2
    assert "code has changed since the run was trained" in caplog.text


def edit(path: Path, **changes: Any) -> None:
    write_json(read_json(path) | changes, path)


def external_run(folder: Path) -> None:
    run = {"model": "external", "params_from": "default", "parameters": {"path": "lists.csv"}}
    edit(folder / "run.json", run=run)


def prompted_run(folder: Path) -> None:
    run = {"model": "gen_item", "params_from": "default", "parameters": {}}
    edit(folder / "run.json", run=run)


def without(*keys: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        facts = read_json(folder / "run.json")
        inner = facts
        for key in keys[:-1]:
            inner = inner[key]
        del inner[keys[-1]]
        write_json(facts, folder / "run.json")

    return spoil


def other_parameter(folder: Path) -> None:
    run = read_json(folder / "run.json")["run"]
    edit(folder / "run.json", run=run | {"parameters": {"removed": 1}})


def other_items(folder: Path) -> None:
    path = folder.parents[3] / "items.parquet"
    items = read_table(path, ITEMS)
    write_table(items.assign(source_id=items["source_id"] + "'"), path, ITEMS)


def other_vectors(folder: Path) -> None:
    path = folder.parents[3] / "embeddings" / "words.npy"
    np.save(path, np.load(path) + 1)


WRONG_FOLDERS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "absent": (shutil.rmtree, r"run\.json: no such file; name the folder of a run"),
    "no json": (lambda folder: (folder / "run.json").write_text("{"), r"run\.json: not valid JSON"),
    "a list": (lambda folder: (folder / "run.json").write_text("[]"), r"run\.json: not the facts"),
    "external": (external_run, r"run\.json: model external cannot predict"),
    "prompted": (prompted_run, r"gen_item cannot predict: its lists come from a language model's"),
    **{
        f"no {'.'.join(keys)}": (without(*keys), rf"run\.json: not the facts .*{keys[-1]}.*again")
        for keys in [
            ("run",),
            ("run", "parameters"),
            ("seed",),
            ("model_code",),
            ("data_hash",),
            ("catalogue_sha256",),
            ("vectors_sha256",),
            ("files",),
            ("files", "catalogue"),
        ]
    },
    "seed": (
        lambda folder: edit(folder / "run.json", seed="one"),
        r"run\.json: not the facts .*seed",
    ),
    "model": (
        lambda folder: edit(folder / "run.json", run={"model": "removed"}),
        r"run\.json: not the facts .*no model 'removed'",
    ),
    "components": (
        lambda folder: edit(folder / "run.json", component_hashes=["0"]),
        r"run\.json: not the facts .*components: as many files and hashes",
    ),
    "parameter": (other_parameter, r"model\.safetensors: not a model of this version"),
    "no model": (lambda folder: shutil.rmtree(folder / "model"), r"model\.safetensors: no such"),
    "broken": (
        lambda folder: (folder / "model" / "model.safetensors").write_bytes(b"?" * 50),
        r"model\.safetensors: not a sound",
    ),
    "no items": (
        lambda folder: (folder.parents[3] / "items.parquet").unlink(),
        r"items\.parquet: no such file",
    ),
    "no vectors": (
        lambda folder: (folder.parents[3] / "embeddings" / "words.npy").unlink(),
        r"words\.npy: no such file",
    ),
    "vectors": (other_vectors, r"words\.npy: not the vectors that the run .* was trained with"),
    "items": (other_items, r"items\.parquet: not the items that the run .*catalogue_sha256"),
    "dataset": (
        lambda folder: edit(folder.parents[3] / "preparation.json", data_hash="0ther"),
        r"preparation\.json: the dataset is not the one",
    ),
}


@pytest.mark.parametrize(("spoil", "message"), WRONG_FOLDERS.values(), ids=WRONG_FOLDERS)
def test_a_wrong_folder_is_one_line(
    spoil: Callable[[Path], Any], message: str, similar: Path, tmp_path: Path
) -> None:
    dataset = shutil.copytree(similar.parents[3], tmp_path / "copy")
    folder = dataset / similar.relative_to(similar.parents[3])
    spoil(folder)
    with pytest.raises(InputError, match=message) as caught:
        predict(folder, rows_of(("x", "a1")))
    assert "\n" not in str(caught.value)


WRONG_FILES = {
    None: "sessions.csv: no such file",
    "": "sessions.csv: not a csv file",
    "user,item_id\nx,a1\n": "sessions.csv: lacks the column 'session_id'; it has user, item_id",
    "session_id,asin\nx,a1\n": "sessions.csv: lacks the column 'item_id'",
    "session_id,item_id\nx,a1\ny\n": "sessions.csv: not a csv file: .*[Rr]ow #3",
    "session_id,item_id\nx,a1\n,a1\n": "sessions.csv: row 2, without the header, has no session_id",
    "session_id,item_id\nx,\n": "sessions.csv: row 1, without the header, has no item_id",
    "session_id,item_id,timestamp\nx,a1,5\nx,a2,\n": "row 2, .* has no timestamp",
    "session_id,item_id,timestamp\nx,a1,soon\n": "timestamp must be numbers or dates, not 'soon'",
    "session_id,item_id,timestamp\nx,a1,true\n": "timestamp must be numbers or dates, not .*True",
    "session_id,item_id,é\nx,a1,5\n": "sessions.csv: not a csv file in UTF-8: .*save it as UTF-8",
    "session_id,item_id\nx,é\n": "sessions.csv: not a csv file.* UTF8",
    "session_id,item_id\nx\né\n": "sessions.csv: not a csv file",
}


@pytest.mark.parametrize("text", WRONG_FILES)
def test_a_wrong_file_is_one_line_and_writes_nothing(
    text: str | None, popular: Path, tmp_path: Path
) -> None:
    source, target = tmp_path / "sessions.csv", tmp_path / "out" / "lists.csv"
    if text is not None:
        source.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=WRONG_FILES[text]) as caught:
        predict_file(popular, source, target)
    assert "\n" not in str(caught.value)
    assert not target.exists()


@pytest.mark.parametrize(("k", "problem"), [(0, "none"), (-3, "none"), (32_768, "too long")])
def test_a_list_needs_a_length(k: int, problem: str, popular: Path) -> None:
    with pytest.raises(InputError, match=f"^k: a list of {k} items is {problem}"):
        predict(popular, rows_of(("x", "a1")), k)


def test_the_longest_list_is_that_of_the_catalogue(popular: Path) -> None:
    assert predict(popular, rows_of(("x", "a1")), 32_767)["rank"].tolist() == [*range(1, 12)]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (".", "is a folder; name a file"),
        ("sessions.csv/lists.csv", "cannot be written"),
        ("sessions.csv/deeper/lists.csv", "cannot be written"),
    ],
)
def test_a_target_that_cannot_be_written_is_one_line(
    target: str, message: str, popular: Path, tmp_path: Path
) -> None:
    source = tmp_path / "sessions.csv"
    rows_of(("x", "a1")).to_csv(source, index=False)
    with pytest.raises(InputError, match=message) as caught:
        predict_file(popular, source, tmp_path / target)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["sessions.csv"]


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_one_line(device: str, tiny: Tiny, tmp_path: Path) -> None:
    if device == resolve_device("auto"):
        pytest.skip(f"this machine has {device}")
    folder = train(run_of("gru4rec"), files_of(tiny, tmp_path))
    with pytest.raises(InputError, match=f"^device: torch .* finds no {device} here; choose cpu"):
        predict(folder, rows_of(("x", "a1")), device=device)


def test_facts_hold_no_absolute_path(popular: Path) -> None:
    assert str(popular.parents[4]) not in json.dumps(read_json(popular / "run.json"))
