"""A run: the steps from training sessions to recommendations."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from llmseqrec.arrays import read_array
from llmseqrec.config import Embedding
from llmseqrec.contracts import (
    HISTORY,
    ITEMS,
    read_json,
    read_table,
    write_json,
    write_table,
)
from llmseqrec.device import resolve_device
from llmseqrec.embeddings.item_text import item_texts
from llmseqrec.errors import InputError
from llmseqrec.models.base import Catalogue, FloatArray, Recommender, Setting
from llmseqrec.models.combined import Combined
from llmseqrec.models.parameters import NeuralParameters
from llmseqrec.provenance import code_fingerprint, digest, environment, file_digest
from llmseqrec.reduction.chain import Chain
from llmseqrec.registry import EMBEDDING_PROVIDERS, MODELS, load, parameters_class
from llmseqrec.resolve import ResolvedRun
from llmseqrec.sessions import IntArray, Prompts, Sessions, withhold_last
from llmseqrec.tuned import as_tuned
from llmseqrec.vector_facts import read_facts, texts_sha256

# What a fitted run needs besides its model; run.json says where it lies.
KEPT_FILES = ("catalogue", "preparation", "vectors", "reduction")


@dataclass(frozen=True)
class RunFiles:
    """Files a run reads.

    Attributes:
        catalogue: items.parquet.
        train: folder of the training sessions; None for lists of another system.
        valid: folder of validation prompts, or None.
        vectors: item vectors (.npy), or None.
        reduction: the fitted reduction behind them (.safetensors), or None.
        model: the fitted model (.safetensors), or None while there is none.
        preparation: preparation.json of the dataset, or None.
        components: fitted models of what a combined run is made of, in its order.
        choice: what was chosen for a combined run, or None.
        tuned: best.yaml of the search that a run takes its parameters from, or None.
    """

    catalogue: Path
    train: Path | None = None
    valid: Path | None = None
    vectors: Path | None = None
    reduction: Path | None = None
    model: Path | None = None
    preparation: Path | None = None
    components: tuple[Path, ...] = ()
    choice: Path | None = None
    tuned: Path | None = None

    @classmethod
    def of(cls, inputs: Any) -> Self:
        """Take the fields from the attributes of a job's inputs."""
        found = {name: getattr(inputs, name, None) for name in cls.__dataclass_fields__}
        components = tuple(map(Path, found.pop("components") or ()))
        paths = {name: Path(path) for name, path in found.items() if path}
        return cls(**paths, components=components)

    @cached_property
    def vectors_sha256(self) -> str | None:
        """sha256 of the file of vectors, computed once: a job asks for it more than once."""
        return file_digest(self.vectors) if self.vectors else None


@dataclass(frozen=True)
class Identity:
    """What distinguishes two fits of one run.

    Attributes:
        seed: of everything random.
        device: auto, cpu, cuda or mps.
        code: fingerprint of the code.
    """

    seed: int
    device: str = "cpu"
    code: str = ""

    def device_of(self, run: ResolvedRun) -> str:
        """The torch device of a run; only neural ones leave the processor."""
        return resolve_device(self.device) if run.neural else "cpu"

    def setting(self, run: ResolvedRun, state_dir: Path | None = None) -> Setting:
        """The setting a recommender is built with."""
        return Setting(np.random.default_rng(self.seed), self.device_of(run), state_dir)


def build(run: ResolvedRun, files: RunFiles, setting: Setting) -> Recommender[Any]:
    """An unfitted recommender; what a combined one is made of is fitted."""
    recommender = build_on(run, open_catalogue(run, files), setting)
    if isinstance(recommender, Combined):
        from llmseqrec.components import load_components, read_choice  # they build runs in turn

        choice = read_choice(files.choice) if files.choice else None
        recommender.combine(load_components(run, files.components, setting.device), choice)
    return recommender


def build_on(run: ResolvedRun, catalogue: Catalogue, setting: Setting) -> Recommender[Any]:
    """An unfitted recommender on items that were read before; a combined one has no components.

    Raises:
        InputError: the run has no model.
    """
    entry = MODELS[run.model]
    if entry.recommender is None:
        whence = "a language model" if entry.prompted else "a file"
        raise InputError(f"model {run.model} cannot be trained: its lists come from {whence}")
    parameters = parameters_class(run.model)(**run.parameters)
    recommender: Recommender[Any] = load(entry.recommender)(parameters, catalogue, setting)
    return recommender


def train_run(run: ResolvedRun, files: RunFiles, identity: Identity, folder: Path) -> None:
    """Fit a run and write its model, run.json and, of a neural one, history.parquet.

    Raises:
        InputError: the run cannot be fitted as it is configured, or on these files.
    """
    run, files = as_tuned(run, files)
    if files.train is None:
        raise ValueError("training sessions are needed")
    facts = run_facts(run, files, identity)
    kept = {"files": _relative(files, folder), "model_code": model_code(run)}
    state = _state_dir(facts, files, folder) if MODELS[run.model].neural else None
    recommender = build(run, files, identity.setting(run, state))
    check_width(run, recommender)
    valid = Prompts.load(files.valid) if files.valid else None
    recommender.fit(Sessions.load(files.train), valid)
    recommender.save(folder / "model")
    history = getattr(recommender, "history", None)  # of models that are trained in epochs
    if history is not None:
        write_table(pd.DataFrame(history), folder / "history.parquet", HISTORY)
    write_json(facts | kept, folder / "run.json")
    if state is not None:
        shutil.rmtree(state, ignore_errors=True)


def recommend_run(
    run: ResolvedRun, files: RunFiles, identity: Identity, prompts: Path, k: int
) -> pd.DataFrame:
    """Top-k lists (contract RECOMMENDATIONS) of a fitted run for a folder of prompts.

    Raises:
        InputError: the run was trained on the answers, or its files do not belong together.
    """
    run, files = as_tuned(run, files)
    if files.valid == prompts and run.learns_validation:
        raise InputError(
            f"{prompts}: parameters.refit: the run was trained on these prompts' targets in the"
            " end, so it cannot be asked them"
        )
    recommender = build(run, files, identity.setting(run))
    if files.model is None:
        raise ValueError("a fitted model is needed")
    recommender.load(files.model.parent)
    sessions = read_prompts(prompts).sessions
    items, scores = recommender.recommend(sessions, k)
    return recommendation_table(sessions.session_ids, items, scores)


def run_facts(run: ResolvedRun, files: RunFiles, identity: Identity) -> dict[str, Any]:
    """What decides a result: configuration, seed, versions, code, data, device."""
    resolved = run.model_dump(mode="json")
    prepared = read_json(files.preparation) if files.preparation else {}
    return {
        "run": resolved,
        "config_hash": digest(resolved),
        "seed": identity.seed,
        "device": identity.device_of(run),
        "code": identity.code,
        "data_hash": prepared.get("data_hash"),
        "catalogue_sha256": file_digest(files.catalogue),
        "vectors_sha256": files.vectors_sha256,
        "component_hashes": [component_hash(path) for path in files.components],
        "versions": environment(),
    }


def component_hash(model: Path) -> str:
    """Hash of a fitted component: its model, and what run.json tells of settings and vectors."""
    path = model.parent.parent / "run.json"
    facts = read_json(path) if path.is_file() else {}
    beside = [facts.get(key) for key in ("config_hash", "vectors_sha256", "component_hashes")]
    return digest([file_digest(model), *beside])


def model_code(run: ResolvedRun) -> str:
    """Fingerprint of the code of a run's recommender, whoever calls it."""
    return code_fingerprint(modules=[MODELS[each.model].recommender or "" for each in run.family])


def read_prompts(folder: Path) -> Prompts:
    """Prompts of a folder; those of training sessions withhold their last item."""
    if (folder / "targets.npy").exists():
        return Prompts.load(folder)
    return withhold_last(Sessions.load(folder))


def recommendation_table(
    session_ids: IntArray, items: IntArray, scores: FloatArray
) -> pd.DataFrame:
    """Padded lists as rows, sorted by session id and rank."""
    order = np.argsort(session_ids, kind="stable")
    items, scores = items[order], scores[order]
    listed = items >= 0
    rank = np.broadcast_to(np.arange(1, items.shape[1] + 1, dtype=np.int16), items.shape)
    return pd.DataFrame(
        {
            "session_id": np.repeat(session_ids[order], listed.sum(axis=1)),
            "rank": rank[listed],
            "item_id": items[listed],
            "score": scores[listed],
        }
    )


def _state_dir(facts: dict[str, Any], files: RunFiles, folder: Path) -> Path:
    """Where a checkpoint is kept: another folder for other facts, sessions or results."""
    sessions = [
        file_digest(path)
        for part in (files.train, files.valid)
        if part is not None
        for path in sorted(part.glob("*.npy"))
    ]
    return Path("state") / digest([facts, sessions, str(folder)])


def _relative(files: RunFiles, folder: Path) -> dict[str, Any]:
    """The files that a fitted run still needs, as seen from its folder."""

    def seen(path: Path) -> str:
        return Path(os.path.relpath(path, folder)).as_posix()

    named = {name: getattr(files, name) for name in KEPT_FILES}
    found: dict[str, Any] = {name: seen(path) for name, path in named.items() if path}
    if files.components:
        found["components"] = [seen(path) for path in files.components]
    return found


def open_catalogue(run: ResolvedRun, files: RunFiles) -> Catalogue:
    """The catalogue with the run's item vectors, which must belong to it.

    Raises:
        InputError: naming the file of vectors that does not fit.
    """
    items = read_table(files.catalogue, ITEMS)
    if run.embedding is None or files.vectors is None:
        return Catalogue(len(items))
    texts = item_texts(items, run.embedding.template or "title")
    vectors = read_array(files.vectors)
    _check_vectors(vectors, files, texts)
    return Catalogue(len(items), vectors, texts, _Encoder(run.embedding, files.reduction))


def _check_vectors(vectors: FloatArray, files: RunFiles, texts: Sequence[str]) -> None:
    """Vectors must be those of this catalogue, in its order, and reduced ones of their embedding.

    Facts tell of the file they were written with, of its texts and, beside reduced vectors, of
    the vectors behind them: minilm.pca64.npy was made from minilm.npy.

    Raises:
        InputError: naming the file that does not fit.
    """
    path = Path(files.vectors or "")
    facts = read_facts(path, files.vectors_sha256 or "")
    if len(vectors) != len(texts):
        raise InputError(f"{path}: {len(vectors)} vectors for {len(texts)} items; embed them again")
    if facts.get("texts_sha256") != texts_sha256(texts):
        raise InputError(
            f"{path}: made for other items, texts or another order than {files.catalogue} has"
            " (texts_sha256); embed them again"
        )
    _check_origin(path, facts)


def _check_origin(path: Path, facts: dict[str, Any]) -> None:
    """Reduced vectors must be of the embedding that lies where they say they come from."""
    if "source_vectors_sha256" not in facts:
        return
    embedding = Path(os.path.normpath(path.parent / facts["source"])).with_suffix(".json")
    if not embedding.is_file():
        raise InputError(f"{embedding}: no such file, so {path} cannot be checked; embed again")
    if facts["source_vectors_sha256"] != read_json(embedding).get("vectors_sha256"):
        raise InputError(
            f"{path}: reduced from other vectors than those that {embedding.name} tells of"
            f" (vectors_sha256); delete {path.name}, so that they are reduced again"
        )


def check_width(run: ResolvedRun, recommender: Recommender[Any]) -> None:
    """Refuse to start from some coordinates of unreduced vectors: they come in no order.

    Those of a reduction do, or are all alike, so that a model may take the first ones; a whitening
    that keeps the coordinates of the embedding is none.
    """
    parameters, vectors = recommender.parameters, recommender.catalogue.vectors
    reduced = run.reduction is not None and not run.reduction.keeps_coordinates
    if vectors is None or reduced or not isinstance(parameters, NeuralParameters):
        return
    options = parameters.item_vectors
    if options.mode == "adapter" or options.control == "svd":
        return
    width = vectors.shape[1]
    if parameters.dim < width:
        raise InputError(
            f"dim: {parameters.dim} of the {width} coordinates of unreduced item vectors would be"
            f" an arbitrary choice; set dim to {width} or name a reduction"
        )


@dataclass(frozen=True)
class _Encoder:
    """Vectors of new texts in the space of the item vectors."""

    embedding: Embedding
    reduction: Path | None

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        provider = load(EMBEDDING_PROVIDERS[self.embedding.provider])(self.embedding)
        vectors: FloatArray = provider.embed(texts)
        if self.reduction is not None:
            vectors = Chain.load(self.reduction).transform(vectors)
        return vectors
