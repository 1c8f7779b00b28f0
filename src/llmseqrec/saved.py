"""A fitted run as its folder keeps it, opened again."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd
from pydantic import BaseModel, Field, ValidationError, model_validator

from llmseqrec.config_base import check_path
from llmseqrec.contracts import ITEMS, SESSIONS, read_json, read_table
from llmseqrec.errors import InputError
from llmseqrec.models.base import Recommender
from llmseqrec.provenance import file_digest
from llmseqrec.registry import MODELS
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import KEPT_FILES, Identity, RunFiles, build, component_hash, model_code
from llmseqrec.storage import one_line

log = logging.getLogger(__name__)


class _Facts(BaseModel):
    """What run.json must hold, with the paths seen from its folder."""

    run: ResolvedRun
    seed: int = Field(ge=0)
    model_code: str
    data_hash: str | None
    catalogue_sha256: str
    vectors_sha256: str | None
    component_hashes: list[str] = Field(default_factory=list)
    files: RunFiles

    @model_validator(mode="after")
    def _one_hash_a_component(self) -> Self:
        if not len(self.run.components) == len(self.files.components) == len(self.component_hashes):
            raise ValueError("components: as many files and hashes as the run has are needed")
        return self


@dataclass(frozen=True)
class SavedRun:
    """A fitted run and the keys of its dataset.

    Attributes:
        recommender: fitted.
        items: contract ITEMS.
        session_keys: key of each session of the dataset, by its id; empty where it is not kept.
    """

    recommender: Recommender[Any]
    items: pd.DataFrame
    session_keys: pd.Index[Any]

    @classmethod
    def load(cls, folder: Path | str, device: str = "auto") -> SavedRun:
        """Open the folder of a run, such as results/beauty/published/full/sasrec_published/seed1.

        Raises:
            InputError: it holds no fitted run, or the files the run was fitted on are gone or
                have changed.
        """
        folder = Path(folder)
        facts = _read_facts(folder)
        files = _kept_files(folder, facts)
        recommender = _restored(facts.run, files, Identity(facts.seed, device))
        path = files.catalogue.parent / "sessions.parquet"
        keys = pd.Index(read_table(path, SESSIONS)["source_id"] if path.is_file() else [])
        return cls(recommender, read_table(files.catalogue, ITEMS), keys)


def _read_facts(folder: Path) -> _Facts:
    """The content of run.json."""
    path = folder / "run.json"
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; name the folder of a run, such as"
            " results/beauty/published/full/sasrec_published/seed1"
        )
    try:
        content = read_json(path)
        model = content["run"]["model"]
        if model not in MODELS:
            raise ValueError(f"no model {model!r}")
        if MODELS[model].recommender is None:
            whence = "a language model's answers" if MODELS[model].prompted else "a file"
            raise InputError(f"{path}: model {model} cannot predict: its lists come from {whence}")
        facts = _Facts.model_validate(content)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: not the facts of a run of this version ({_reason(error)}); train it again"
        ) from None
    if facts.model_code != model_code(facts.run):
        log.warning("%s: the code has changed since the run was trained; lists may differ", path)
    return facts


def _reason(error: Exception) -> str:
    """What is wrong with run.json, in one line."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"lacks {error}" if isinstance(error, KeyError) else one_line(error)


def _path(folder: Path, given: Path | str) -> Path:
    """A file that run.json names."""
    try:
        check_path(Path(given))
    except ValueError as error:
        raise InputError(f"{folder / 'run.json'}: {error}; train it again") from None
    return (folder / given).resolve()


def _kept_files(folder: Path, facts: _Facts) -> RunFiles:
    """The files of a run, which must be those it was fitted on."""
    named = {name: getattr(facts.files, name) for name in KEPT_FILES}
    # Resolved, so that a link to the folder of a run works.
    paths = {name: _path(folder, path) for name, path in named.items() if path}
    paths["model"] = folder / "model" / "model.safetensors"
    components = tuple(_path(folder, path) for path in facts.files.components)
    for path in [*paths.values(), *components]:
        if not path.is_file():
            raise InputError(f"{path}: no such file; the run in {folder} needs it")
    files = RunFiles(**paths, components=components)
    for path, known in zip(components, facts.component_hashes, strict=True):
        if component_hash(path) != known:
            raise InputError(
                f"{path}: not the model that the run in {folder} was trained with"
                " (component_hashes of run.json); train the run again"
            )
    if file_digest(files.catalogue) != facts.catalogue_sha256:
        raise InputError(
            f"{files.catalogue}: not the items that the run in {folder} was trained with"
            " (catalogue_sha256 of run.json); train the run again"
        )
    if files.vectors_sha256 != facts.vectors_sha256:
        raise InputError(
            f"{files.vectors}: not the vectors that the run in {folder} was trained with"
            " (vectors_sha256 of run.json); train the run again"
        )
    if files.preparation and read_json(files.preparation).get("data_hash") != facts.data_hash:
        raise InputError(
            f"{files.preparation}: the dataset is not the one that the run in {folder} was trained"
            " on (data_hash of run.json); train the run again"
        )
    return files


def _restored(run: ResolvedRun, files: RunFiles, identity: Identity) -> Recommender[Any]:
    """The fitted recommender."""
    model = Path(files.model or "")
    try:
        recommender = build(run, files, identity.setting(run))
        recommender.load(model.parent)
    # Arrays of another shape or kind fail wherever they are taken up.
    except (KeyError, IndexError, ValueError, TypeError, RuntimeError) as error:
        reason = one_line(error)
        raise InputError(f"{model}: not a model of this version: {reason}") from None
    return recommender
