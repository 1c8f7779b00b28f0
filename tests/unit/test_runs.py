"""A run that is trained in epochs: its history, its checkpoints, and what stops it in one line."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from safetensors.numpy import load_file

from llmseqrec.config import Reduction
from llmseqrec.contracts import HISTORY, ITEMS, read_json, read_table, write_table
from llmseqrec.errors import InputError
from llmseqrec.nn.checkpoint import Progress
from llmseqrec.nn.trainer import Trainer
from llmseqrec.provenance import file_digest
from llmseqrec.reduction.chain import fit_chain
from llmseqrec.reduction.reduce import reduce_embeddings
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles, recommend_run, train_run
from llmseqrec.sessions import Sessions, withhold_last
from tests.conftest import Tiny
from tests.unit.trained import (
    IDENTITY,
    files_of,
    prompts_folder,
    run_of,
    train,
    write_vectors,
)


@pytest.fixture(autouse=True)
def place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A working folder of its own, since state is kept there."""
    monkeypatch.chdir(tmp_path)
    caplog.set_level("INFO")


def test_history_has_a_row_an_epoch(tiny: Tiny, tmp_path: Path) -> None:
    folder = train(run_of("sasrec", patience=3), files_of(tiny, tmp_path))
    history = read_table(folder / "history.parquet", HISTORY)
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history["loss"].is_monotonic_decreasing
    assert history["validation"].between(0, 1).all()
    assert (history["ndcg@10"] <= history["validation"]).all()  # of shorter lists
    assert (history["ndcg@10"] <= history["hr@10"]).all()


def test_a_run_without_epochs_has_no_history(tiny: Tiny, tmp_path: Path) -> None:
    folder = train(run_of("sknn"), files_of(tiny, tmp_path))
    assert sorted(path.name for path in folder.iterdir()) == ["model", "run.json"]


def test_facts_name_files_as_seen_from_the_run(tiny: Tiny, tmp_path: Path) -> None:
    files = files_of(tiny, tmp_path, embedding=True)
    named = read_json(train(run_of("gru4rec", embedding=True), files) / "run.json")["files"]
    assert named == {
        "catalogue": "../../../../items.parquet",
        "preparation": "../../../../preparation.json",
        "vectors": "../../../../embeddings/words.npy",
    }


def interrupted(run: ResolvedRun, files: RunFiles, folder: Path) -> None:
    """Train all epochs and end before the model is written, as a kill there would."""
    folder.mkdir(parents=True)
    (folder / "model").touch()  # in the place of a folder
    with pytest.raises(FileExistsError):
        train_run(run, files, IDENTITY, folder)
    (folder / "model").unlink()
    assert len(list(Path("state").glob("*/checkpoint.pt"))) == 1


def test_a_finished_run_leaves_no_state(tiny: Tiny, tmp_path: Path) -> None:
    run, files = run_of("sasrec"), files_of(tiny, tmp_path)
    interrupted(run, files, tmp_path / "run")
    train_run(run, files, IDENTITY, tmp_path / "run")
    assert list(Path("state").iterdir()) == []


def test_a_checkpoint_of_the_same_run_is_taken_up(
    tiny: Tiny, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run, files = run_of("sasrec", patience=3), files_of(tiny, tmp_path)
    interrupted(run, files, tmp_path / "run")
    caplog.clear()
    train_run(run, files, IDENTITY, tmp_path / "run")
    assert "resumed after epoch 3" in caplog.text
    train_run(run, files, IDENTITY, tmp_path / "undisturbed")
    for name in ("model/model.safetensors", "history.parquet"):
        assert (tmp_path / "run" / name).read_bytes() == (
            tmp_path / "undisturbed" / name
        ).read_bytes()


def other_sessions(files: RunFiles) -> None:
    """Another split of the same dataset leaves other training sessions in the same place."""
    assert files.train is not None
    Sessions.load(files.train).take(slice(0, 30)).save(files.train)


def other_vectors(files: RunFiles) -> None:
    assert files.vectors is not None
    write_vectors(files.catalogue, files.vectors, seed=1)


class Again(NamedTuple):
    """What has changed when a run is started again."""

    parameters: dict[str, float]
    identity: Identity = IDENTITY
    change: Callable[[RunFiles], None] = lambda files: None


@pytest.mark.parametrize(
    "again",
    [
        Again({"dropout": 0.21}),
        Again({}, identity=replace(IDENTITY, code="0ther")),
        Again({}, identity=replace(IDENTITY, seed=5)),
        Again({}, change=other_sessions),
        Again({}, change=other_vectors),
    ],
    ids=["parameter", "code", "seed", "sessions", "vectors"],
)
def test_a_checkpoint_from_before_a_change_is_not_taken_up(
    again: Again, tiny: Tiny, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = files_of(tiny, tmp_path, embedding=True)
    interrupted(run_of("sasrec", embedding=True), files, tmp_path / "run")
    again.change(files)
    caplog.clear()
    run = run_of("sasrec", embedding=True, **again.parameters)
    train_run(run, replace(files), again.identity, tmp_path / "run")
    assert "epoch 1:" in caplog.text
    assert "resumed" not in caplog.text


def stops(run: ResolvedRun, files: RunFiles, folder: Path, message: str) -> None:
    """Training ends with one line and writes nothing."""
    with pytest.raises(InputError, match=message) as caught:
        train_run(run, files, IDENTITY, folder)
    assert "\n" not in str(caught.value)
    assert not folder.exists()


def test_a_loss_that_is_no_number_stops_it(tiny: Tiny, tmp_path: Path) -> None:
    run = run_of("sasrec", learning_rate=1e30)
    stops(run, files_of(tiny, tmp_path), tmp_path / "run", "^learning_rate: .* not a number")


every_user_of_vectors = pytest.mark.parametrize("model", ["sasrec", "llm_seq_sim"])


def permute(vectors: Path | None) -> None:
    assert vectors is not None
    np.save(vectors, np.load(vectors)[::-1])


@every_user_of_vectors
def test_vectors_in_another_order_stop_it(model: str, tiny: Tiny, tmp_path: Path) -> None:
    files = files_of(tiny, tmp_path, embedding=True)
    permute(files.vectors)
    message = r"words\.npy: not the vectors that words\.json tells of .*delete both"
    stops(run_of(model, embedding=True), files, tmp_path / "run", message)


@every_user_of_vectors
def test_vectors_of_another_number_of_items_stop_it(model: str, tiny: Tiny, tmp_path: Path) -> None:
    files = files_of(tiny, tmp_path, embedding=True)
    items = read_table(files.catalogue, ITEMS)
    write_table(items[1:], files.catalogue, ITEMS)
    message = r"words\.npy: 11 vectors for 10 items"
    stops(run_of(model, embedding=True), files, tmp_path / "run", message)


@every_user_of_vectors
def test_vectors_of_another_item_order_stop_it(model: str, tiny: Tiny, tmp_path: Path) -> None:
    files = files_of(tiny, tmp_path, embedding=True)
    items = read_table(files.catalogue, ITEMS)
    names = ["source_id", "title"]
    items[names] = items[names].iloc[::-1].to_numpy()
    write_table(items, files.catalogue, ITEMS)
    message = r"words\.npy: made for other items.*items\.parquet.*texts_sha256"
    stops(run_of(model, embedding=True), files, tmp_path / "run", message)


REDUCTION = Reduction(method="pca", dimensions=4)


def reduced_files(tiny: Tiny, root: Path, reduction: Reduction = REDUCTION) -> RunFiles:
    """Files of a run on vectors that are reduced to four dimensions, where the workflow has them.

    Those that are fitted on training items belong to the part that the sessions are of.
    """
    files = files_of(tiny, root, embedding=True)
    assert files.vectors is not None
    assert files.train is not None
    of_part = reduction.fit_on == "training"
    folder = files.train.parent / "embeddings" if of_part else files.vectors.parent
    target = folder / "words.pca4.npy"
    reduce_embeddings(files.vectors, files.catalogue, reduction, target, files.train)
    return replace(files, vectors=target, reduction=target.with_suffix(".safetensors"))


def test_reduced_vectors_in_another_order_stop_it(tiny: Tiny, tmp_path: Path) -> None:
    files, run = reduced_files(tiny, tmp_path), run_of("llm_seq_sim", embedding=True)
    train_run(run, files, IDENTITY, tmp_path / "fits")
    permute(files.vectors)
    message = r"words\.pca4\.npy: not the vectors that words\.pca4\.json tells of"
    stops(run, replace(files), tmp_path / "run", message)


TRAINING = REDUCTION.model_copy(update={"fit_on": "training"})


def test_a_reduction_of_training_items_does_not_look_at_the_others(
    tiny: Tiny, tmp_path: Path
) -> None:
    files = files_of(tiny, tmp_path, embedding=True)
    few = Sessions.load(files.train or Path()).take(slice(0, 30, 1))
    few = few.select(few.items < 8)
    few.save(files.train or Path())
    known = np.unique(few.items)
    vectors = np.load(files.vectors or Path())
    reduced = reduced_files(tiny, tmp_path, TRAINING)
    facts = read_json((reduced.vectors or Path()).with_suffix(".json"))
    assert (facts["fitted_on"], facts["fit_on"]) == (len(known), "training")
    expected = fit_chain(vectors[known], REDUCTION).transform(vectors)
    np.testing.assert_array_equal(np.load(reduced.vectors or Path()), expected)


def test_vectors_that_are_reduced_for_a_part_serve_a_run(tiny: Tiny, tmp_path: Path) -> None:
    files = reduced_files(tiny, tmp_path, TRAINING)
    assert (files.vectors or Path()).parent.parent == (files.train or Path()).parent
    run = run_of("llm_seq_sim", embedding=True).model_copy(update={"reduction": TRAINING})
    train_run(run, files, IDENTITY, tmp_path / "run")
    assert (tmp_path / "run" / "run.json").exists()


def test_training_items_of_another_catalogue_are_refused(tiny: Tiny, tmp_path: Path) -> None:
    files = files_of(tiny, tmp_path, embedding=True)
    sessions = Sessions.load(files.train or Path())
    replace(sessions, items=sessions.items + 99).save(files.train or Path())
    with pytest.raises(InputError, match=r"train: its items are not those of \d+ item vectors"):
        reduced_files(tiny, tmp_path, TRAINING)


@pytest.mark.parametrize("fit_on", ["catalogue", "training"])
def test_reduced_vectors_beside_a_newer_embedding_stop_it(
    fit_on: str, tiny: Tiny, tmp_path: Path
) -> None:
    reduction = REDUCTION.model_copy(update={"fit_on": fit_on})
    files, run = reduced_files(tiny, tmp_path, reduction), run_of("llm_seq_sim", embedding=True)
    embedding = files.catalogue.parent / "embeddings" / "words.npy"
    write_vectors(files.catalogue, embedding, seed=1)
    message = r"words\.pca4\.npy: reduced from other vectors .* words\.json .*reduced again"
    stops(run, files, tmp_path / "run", message)
    embedding.with_suffix(".json").unlink()
    stops(run, files, tmp_path / "run", r"words\.json: no such file")


def test_vectors_without_facts_stop_it(tiny: Tiny, tmp_path: Path) -> None:
    files = files_of(tiny, tmp_path, embedding=True)
    (files.catalogue.parent / "embeddings" / "words.json").unlink()
    message = r"words\.json: no such file, so .*words\.npy cannot be checked"
    stops(run_of("sasrec", embedding=True), files, tmp_path / "run", message)


def test_vectors_in_another_order_are_not_reduced(tiny: Tiny, tmp_path: Path) -> None:
    files = files_of(tiny, tmp_path, embedding=True)
    permute(files.vectors)
    with pytest.raises(InputError, match=r"words\.npy: not the vectors that words\.json tells of"):
        reduce_embeddings(
            files.vectors or Path(), files.catalogue, REDUCTION, tmp_path / "words.pca4.npy"
        )
    assert not list(tmp_path.glob("words*"))


def test_facts_tell_the_files_that_a_run_was_fitted_on(tiny: Tiny, tmp_path: Path) -> None:
    files = files_of(tiny, tmp_path, embedding=True)
    facts = read_json(train(run_of("llm_seq_sim", embedding=True), files) / "run.json")
    assert facts["catalogue_sha256"] == file_digest(files.catalogue)
    assert facts["vectors_sha256"] == file_digest(files.vectors or Path())


@pytest.mark.parametrize("mode", ["initialise", "delta", "null_space"])
def test_a_model_narrower_than_unreduced_vectors_stops_it(
    mode: str, tiny: Tiny, tmp_path: Path
) -> None:
    run = run_of("sasrec", embedding=True, dim=6, item_vectors={"mode": mode, "null_dimensions": 2})
    files = files_of(tiny, tmp_path, embedding=True)
    message = "^dim: 6 of the 10 coordinates .*set dim to 10 or name a reduction"
    stops(run, files, tmp_path / "run", message)


@pytest.mark.parametrize("vectors", [{"mode": "adapter"}, {"control": "svd"}], ids=str)
def test_a_model_that_takes_no_leading_coordinates_may_be_narrower(
    vectors: dict[str, str], tiny: Tiny, tmp_path: Path
) -> None:
    run = run_of("sasrec", embedding=True, dim=6, item_vectors=vectors)
    train_run(run, files_of(tiny, tmp_path, embedding=True), IDENTITY, tmp_path / "run")
    assert (tmp_path / "run" / "run.json").exists()


def test_a_model_may_be_narrower_than_reduced_vectors(tiny: Tiny, tmp_path: Path) -> None:
    run = run_of("sasrec", embedding=True, dim=3).model_copy(update={"reduction": REDUCTION})
    train_run(run, reduced_files(tiny, tmp_path), IDENTITY, tmp_path / "run")
    assert (tmp_path / "run" / "run.json").exists()


def test_whitening_in_place_leaves_the_coordinates_in_no_order(tiny: Tiny, tmp_path: Path) -> None:
    zca = Reduction(method="zca")
    run = run_of("sasrec", embedding=True, dim=6).model_copy(update={"reduction": zca})
    files = reduced_files(tiny, tmp_path, zca)
    stops(run, files, tmp_path / "run", "^dim: 6 of the 10 coordinates .*name a reduction")


def test_a_width_that_leaves_nothing_for_the_texts_stops_it(tiny: Tiny, tmp_path: Path) -> None:
    vectors = {"mode": "null_space", "null_dimensions": 10}
    run = run_of("sasrec", embedding=True, item_vectors=vectors)
    files = files_of(tiny, tmp_path, embedding=True)
    stops(run, files, tmp_path / "run", r"^item_vectors\.null_dimensions: 10 of 10")


def test_saved_weights_of_another_width_are_refused(tiny: Tiny, tmp_path: Path) -> None:
    files = files_of(tiny, tmp_path)
    model = train(run_of("sasrec"), files) / "model" / "model.safetensors"
    fitted, wider = replace(files, model=model), run_of("sasrec", dim=10)
    with pytest.raises(InputError, match=r"^saved weights do not fit: .*size mismatch") as caught:
        recommend_run(wider, fitted, IDENTITY, prompts_folder(files), 5)
    assert "\n" not in str(caught.value)


def leave_one_out_files(tiny: Tiny, root: Path) -> RunFiles:
    """Of the same dataset, with validation prompts: the last item of every training session."""
    files = files_of(tiny, root)
    assert files.train is not None
    whole, train, valid = Sessions.load(files.train), root / "cut" / "train", root / "cut" / "valid"
    prompts = withhold_last(whole)
    prompts.sessions.save(train)
    prompts.save(valid)
    return replace(files, train=train, valid=valid)


@pytest.mark.parametrize("patience", [2, None])
def test_a_refit_learns_what_validation_withheld(
    patience: int | None, tiny: Tiny, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As many epochs as were best, from the start, with the validation targets in the sessions."""
    files = leave_one_out_files(tiny, tmp_path)
    run = run_of("sasrec", patience=patience, refit=True, max_epochs=4)
    folder = train(run, files)
    history = read_table(folder / "history.parquet", HISTORY)
    best = 4 if patience is None else 1 + int(history["validation"].argmax())
    assert f"refit: {best} epochs on all" in caplog.text
    assert history["validation"].isna().all() == (patience is None)
    whole = files_of(tiny, tmp_path).train
    assert whole is not None
    network = load_file(folder / "model" / "model.safetensors")
    assert set(network["items"]) == set(Sessions.load(whole).items)


def test_a_refit_run_is_not_asked_what_it_was_trained_on(tiny: Tiny, tmp_path: Path) -> None:
    files = leave_one_out_files(tiny, tmp_path)
    run = run_of("sasrec", patience=None, refit=True)
    model = train(run, files) / "model" / "model.safetensors"
    assert files.valid is not None
    with pytest.raises(InputError, match=r"parameters\.refit: the run was trained on"):
        recommend_run(run, replace(files, model=model), IDENTITY, files.valid, 5)


def test_a_refit_that_was_killed_goes_on(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with the weights of an undisturbed run."""
    run, files = run_of("sasrec", patience=2, refit=True), leave_one_out_files(tiny, tmp_path)
    undisturbed = load_file(train(run, files) / "model" / "model.safetensors")
    saved = Trainer._save
    stages: list[Path | None] = []

    def save_and_die(self: Trainer, progress: Progress) -> None:
        saved(self, progress)
        stages.append(self.state_dir)
        if self.state_dir is not None and self.state_dir.name == "refit":
            raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        train(run, files)
    monkeypatch.setattr(Trainer, "_save", saved)
    resumed = load_file(train(run, files) / "model" / "model.safetensors")
    assert len(stages) > 1
    assert all(np.array_equal(undisturbed[name], resumed[name]) for name in undisturbed)
