"""A run: the steps from training sessions to recommendations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from llmseqrec.config import Embedding
from llmseqrec.contracts import (
    ITEMS,
    read_json,
    read_table,
    write_json,
)
from llmseqrec.device import resolve_device
from llmseqrec.embeddings.item_text import item_texts
from llmseqrec.errors import InputError
from llmseqrec.models.base import Catalogue, FloatArray, Recommender, Setting
from llmseqrec.provenance import digest, environment, file_digest
from llmseqrec.reduction.affine import Affine
from llmseqrec.registry import EMBEDDING_PROVIDERS, MODELS, load, parameters_class
from llmseqrec.resolve import ResolvedRun
from llmseqrec.sessions import IntArray, Prompts, Sessions, withhold_last


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
    """

    catalogue: Path
    train: Path | None = None
    valid: Path | None = None
    vectors: Path | None = None
    reduction: Path | None = None
    model: Path | None = None
    preparation: Path | None = None

    @classmethod
    def of(cls, inputs: Any) -> Self:
        """Take the fields from the attributes of a job's inputs."""
        found = {name: getattr(inputs, name, None) for name in cls.__dataclass_fields__}
        return cls(**{name: Path(path) for name, path in found.items() if path})


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
        return resolve_device(self.device) if MODELS[run.model].neural else "cpu"

    def setting(self, run: ResolvedRun, state_dir: Path | None = None) -> Setting:
        """The setting a recommender is built with."""
        return Setting(np.random.default_rng(self.seed), self.device_of(run), state_dir)


def build(run: ResolvedRun, files: RunFiles, setting: Setting) -> Recommender[Any]:
    """An unfitted recommender."""
    entry = MODELS[run.model]
    if entry.recommender is None:
        raise InputError(f"model {run.model} cannot be trained: its lists come from a file")
    parameters = parameters_class(run.model)(**run.parameters)
    recommender: Recommender[Any] = load(entry.recommender)(
        parameters, _catalogue(run, files), setting
    )
    return recommender


def train_run(run: ResolvedRun, files: RunFiles, identity: Identity, folder: Path) -> None:
    """Fit a run and write its model and run.json."""
    if files.train is None:
        raise ValueError("training sessions are needed")
    facts = run_facts(run, files, identity)
    # Changes with configuration, seed, code and data.
    state = Path("state") / digest([facts, str(files.train)])
    recommender = build(run, files, identity.setting(run, state))
    valid = Prompts.load(files.valid) if files.valid else None
    recommender.fit(Sessions.load(files.train), valid)
    recommender.save(folder / "model")
    write_json(facts, folder / "run.json")


def recommend_run(
    run: ResolvedRun, files: RunFiles, identity: Identity, prompts: Path, k: int
) -> pd.DataFrame:
    """Top-k lists (contract RECOMMENDATIONS) of a fitted run for a folder of prompts."""
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
        "vectors_sha256": file_digest(files.vectors) if files.vectors else None,
        "versions": environment(),
    }


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


def _catalogue(run: ResolvedRun, files: RunFiles) -> Catalogue:
    items = read_table(files.catalogue, ITEMS)
    if run.embedding is None or files.vectors is None:
        return Catalogue(len(items))
    vectors = np.load(files.vectors, mmap_mode="r")
    if len(vectors) != len(items):
        raise InputError(f"{files.vectors}: {len(vectors)} vectors for {len(items)} items")
    texts = item_texts(items, run.embedding.template or "title")
    return Catalogue(len(items), vectors, texts, _Encoder(run.embedding, files.reduction))


@dataclass(frozen=True)
class _Encoder:
    """Vectors of new texts in the space of the item vectors."""

    embedding: Embedding
    reduction: Path | None

    def __call__(self, texts: Sequence[str]) -> FloatArray:
        provider = load(EMBEDDING_PROVIDERS[self.embedding.provider])(self.embedding)
        vectors: FloatArray = provider.embed(texts)
        if self.reduction is not None:
            vectors = Affine.load(self.reduction).transform(vectors)
        return vectors
