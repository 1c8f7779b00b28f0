"""Runs fitted on a copy of the tiny dataset that a test may change."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llmseqrec.arrays import write_array
from llmseqrec.config import Embedding
from llmseqrec.contracts import (
    ITEMS,
    RECOMMENDATIONS,
    SESSIONS,
    read_table,
    write_json,
    write_table,
)
from llmseqrec.embeddings.item_text import item_texts
from llmseqrec.provenance import file_digest
from llmseqrec.registry import MODELS, parameters_class
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles, recommend_run, train_run
from llmseqrec.sessions import Prompts
from llmseqrec.vector_facts import texts_sha256
from tests.conftest import Tiny

SMALL = {"dim": 8, "max_epochs": 3, "batch_size": 8, "max_length": 6, "learning_rate": 0.01}
VECTOR_WIDTH = 10
COMPONENTS = ("sknn", "cooccurrence")  # of combined runs
IDENTITY = Identity(seed=4, code="c0de")
K = 5


def run_of(model: str, *, embedding: bool = False, **parameters: Any) -> ResolvedRun:
    """A run of a model; a neural one is small."""
    if MODELS[model].neural:
        width = {"dim": VECTOR_WIDTH} if embedding else {}
        parameters = SMALL | width | parameters
    components = {name: run_of(name) for name in COMPONENTS[: MODELS[model].fewest]}
    return ResolvedRun(
        components=components,
        model=model,
        params_from="default",
        parameters=parameters_class(model)(**parameters).model_dump(mode="json"),
        embedding=Embedding(template="title") if embedding else None,
    )


def files_of(tiny: Tiny, root: Path, *, embedding: bool = False) -> RunFiles:
    """A copy of the dataset in `root`/results/tiny, with item vectors if asked for."""
    folder = root / "results" / "tiny"
    if not folder.exists():
        shutil.copytree(tiny.folder, folder)
    vectors = folder / "embeddings" / "words.npy"
    if embedding:
        write_vectors(folder / "items.parquet", vectors)
    return RunFiles(
        catalogue=folder / "items.parquet",
        train=folder / "temporal" / "full" / "train",
        vectors=vectors if embedding else None,
        preparation=folder / "preparation.json",
    )


def write_vectors(items: Path, target: Path, seed: int = 0) -> None:
    """Vectors of the items of a catalogue and the facts beside them."""
    texts = item_texts(read_table(items, ITEMS), "title")
    vectors = np.random.default_rng(seed).normal(size=(len(texts), VECTOR_WIDTH))
    write_array(vectors.astype(np.float32), target)
    facts = {"vectors_sha256": file_digest(target), "texts_sha256": texts_sha256(texts)}
    write_json(facts, target.with_suffix(".json"))


def train(run: ResolvedRun, files: RunFiles) -> Path:
    """Fit a run and what it combines; the folder of its seed."""
    folder = files.catalogue.parent / "temporal" / "full" / run.model / "seed4"
    train_run(run, with_components(run, files), IDENTITY, folder)
    return folder


def with_components(run: ResolvedRun, files: RunFiles) -> RunFiles:
    """The files of a combined run: its components, fitted now, and the last option as choice."""
    if not run.components:
        return files
    folders = [train(component, files) for component in run.components.values()]
    choice = files.catalogue.parent / "temporal" / "combinations" / f"{run.model}.json"
    write_json({"chosen": run.options[-1]}, choice)
    models = tuple(folder / "model" / "model.safetensors" for folder in folders)
    return replace(files, components=models, choice=choice)


def recommend(run: ResolvedRun, files: RunFiles, folder: Path) -> pd.DataFrame:
    """Write the lists of the test prompts, as the workflow does, and read them."""
    model = folder / "model" / "model.safetensors"
    fitted = replace(with_components(run, files), model=model)
    table = recommend_run(run, fitted, IDENTITY, prompts_folder(files), K)
    write_table(table, folder / "recommendations.test.parquet", RECOMMENDATIONS)
    return read_table(folder / "recommendations.test.parquet", RECOMMENDATIONS)


def prompts_folder(files: RunFiles) -> Path:
    """The test prompts of the dataset."""
    return files.catalogue.parent / "temporal" / "full" / "test"


def keys_of(files: RunFiles) -> tuple[np.ndarray, np.ndarray]:
    """The keys of sessions and items, by id."""
    folder = files.catalogue.parent
    sessions = read_table(folder / "sessions.parquet", SESSIONS)["source_id"].to_numpy()
    return sessions, read_table(files.catalogue, ITEMS)["source_id"].to_numpy()


def prompt_rows(files: RunFiles) -> pd.DataFrame:
    """The test prompts as a user has them: by keys."""
    prompts = Prompts.load(prompts_folder(files)).sessions
    sessions, items = keys_of(files)
    return pd.DataFrame(
        {
            "session_id": sessions[prompts.session_ids[prompts.rows]],
            "item_id": items[prompts.items],
        }
    )
