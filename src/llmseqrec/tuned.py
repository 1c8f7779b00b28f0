"""A run whose parameters a search has found: they are read when the run is worked on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from llmseqrec.config import Embedding, Reduction
from llmseqrec.errors import InputError
from llmseqrec.resolve import ResolvedRun
from llmseqrec.whole_yaml import read_whole_yaml

if TYPE_CHECKING:
    from llmseqrec.runs import RunFiles


def as_tuned(run: ResolvedRun, files: RunFiles) -> tuple[ResolvedRun, RunFiles]:
    """The run with the values of its best.yaml, and the item vectors it chose; others as they are.

    Raises:
        InputError: best.yaml is of another model, or lacks a key.
    """
    if files.tuned is None:
        return run, files
    best = read_whole_yaml(files.tuned)
    lacking = [
        key for key in ("model", "parameters", "run", "vectors", "fitted") if key not in best
    ]
    if lacking:
        raise InputError(f"{files.tuned}: lacks {lacking[0]}; delete it to have it made again")
    if best["model"] != run.model:
        raise InputError(f"{files.tuned}: best values of {best['model']}, not of {run.model}")
    embedding, reduction = best["run"]["embedding"], best["run"]["reduction"]
    found = run.model_copy(
        update={
            "parameters": best["parameters"],
            "embedding": Embedding.model_validate(embedding) if embedding else None,
            "reduction": Reduction.model_validate(reduction) if reduction else None,
            "components": {
                name: ResolvedRun.model_validate(each)
                for name, each in best["run"].get("components", {}).items()
            },
        }
    )
    # Each lies at {run}/seed{n}/model/model.safetensors.
    models = {path.parents[2].name: path for path in files.components}
    chosen = tuple(models[name] for name in found.components)
    vectors = Path(best["vectors"]) if best["vectors"] else None
    fitted = Path(best["fitted"]) if best["fitted"] else None
    return found, replace(files, vectors=vectors, reduction=fitted, components=chosen)
