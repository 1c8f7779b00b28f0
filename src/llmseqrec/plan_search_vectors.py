"""Item vectors that a search can choose from. Light to import, like the plan."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

from llmseqrec.config import Config, Search
from llmseqrec.config_search import NAMED_AXES, Value
from llmseqrec.resolve import ResolvedRun, embedding_need
from llmseqrec.search_spaces import Ranges


def candidates_of(
    config: Config, search: Search, ranges: Ranges, run: ResolvedRun
) -> list[dict[str, Any]]:
    """Every (embedding, reduction) that can be chosen and had here; the run's own first.

    Args:
        config: the configuration.
        search: its settings.
        ranges: its own and those of its space.
        run: its run, resolved.
    """
    axes = [_choices(config, search, ranges, axis) for axis in NAMED_AXES]
    found = [_candidate(config, search.dataset, run, pair) for pair in product(*axes)]
    return [each for each in found if each is not None]


def unmet_embeddings(config: Config, search: Search, ranges: Ranges) -> dict[str, str]:
    """Embeddings that are asked for and cannot be had here, and why."""
    named = filter(None, _choices(config, search, ranges, "embedding"))
    needs = {
        name: embedding_need(config, search.dataset, config.embeddings[name]) for name in named
    }
    return {name: reason for name, reason in needs.items() if reason}


def may_have_vectors(config: Config, search: Search, ranges: Ranges) -> bool:
    """Whether a search can choose item vectors, had here or not."""
    return any(name is not None for name in _choices(config, search, ranges, "embedding"))


def that_have(fixed: Mapping[str, Value], candidates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The candidates with the names that a variant fixes."""
    asked = {axis: fixed[axis] for axis in NAMED_AXES if axis in fixed}
    return [c for c in candidates if all(c[axis] == name for axis, name in asked.items())]


def vector_files(candidates: list[dict[str, Any]]) -> list[str]:
    """Files of the item vectors of all candidates, each once."""
    paths = [path for each in candidates for path in (each["vectors"], each["fitted"]) if path]
    return list(dict.fromkeys(paths))


def _choices(config: Config, search: Search, ranges: Ranges, axis: str) -> list[Any]:
    """Names of an axis that a variant fixes, a range has, or the run; the run's own first."""
    own, found = getattr(config.runs[search.run], axis), ranges.get(axis)
    listed = list(found.choices or []) if found else [own]
    variants = search.variants.values()
    fixed = [variant[axis] for variant in variants if axis in variant]
    named = dict.fromkeys([*fixed, *(listed if len(fixed) < len(variants) else [])])
    return sorted(named, key=lambda value: value != own)  # stable


def _candidate(
    config: Config, dataset: str, run: ResolvedRun, pair: tuple[Any, ...]
) -> dict[str, Any] | None:
    """A run with an embedding and a reduction, and their files; None where they are not here."""
    embedding, reduction = pair
    made: dict[str, Any] = {"embedding": None, "reduction": None}
    stem = ""
    if embedding is not None:
        settings = config.embeddings[embedding]
        if embedding_need(config, dataset, settings):
            return None
        template = settings.template or config.datasets[dataset].template
        made["embedding"] = settings.model_copy(update={"template": template})
        made["reduction"] = config.reductions[reduction] if reduction else None
        stem = f"results/{dataset}/embeddings/{embedding}"
        stem = f"{stem}.{reduction}" if reduction else stem
    return {
        "embedding": embedding,
        "reduction": reduction,
        "run": run.model_copy(update=made).model_dump(mode="json"),
        "vectors": f"{stem}.npy" if stem else "",
        "fitted": f"{stem}.safetensors" if stem and reduction else "",
    }
