"""Lines of a search that are refused before any job begins. Light to import, like the plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmseqrec.config import Config, Range, Search, Temporal
from llmseqrec.config_search import COMPONENT_AXIS, NAMED_AXES, OPTION_AXIS, in_order
from llmseqrec.errors import InputError, shown
from llmseqrec.registry import MODELS, parameters_class
from llmseqrec.resolve import ResolvedRun

Ranges = Mapping[str, Range]


def check_search(config: Config, where: str, search: Search, ranges: Ranges) -> None:
    """Refuse a search without folds, or with a range that its model or sampler cannot use.

    Args:
        config: the configuration.
        where: key of the search.
        search: its settings.
        ranges: its own and those of its space.

    Raises:
        InputError: naming the key.
    """
    split = config.datasets[search.dataset].splits[search.split]
    if not isinstance(split, Temporal) or not split.folds:
        raise InputError(f"{where}.split: {search.split} has no validation folds")
    if MODELS[config.runs[search.run].model].external:
        raise InputError(f"{where}.run: {search.run} has nothing to fit")
    given = [key for fixed in search.variants.values() for key in fixed]
    _check_keys(config, where, search, [*ranges, *given])
    for key, found in ranges.items():
        for other in found.when:
            if other not in {*ranges, *given}:
                raise InputError(f"{where}.ranges.{key}.when: {other} is not searched")
        if search.sampler == "grid" and found.values is None:
            raise InputError(f"{where}.ranges.{key}: sampler grid needs a step, or choices")
    try:
        in_order(ranges)
    except ValueError as error:
        raise InputError(f"{where}.ranges.{error}") from None
    for number, values in enumerate(search.first):
        for key, value in values.items():
            if key not in {*ranges, *given}:
                raise InputError(f"{where}.first[{number}].{key}: {key} is not searched")
            if key in ranges and not ranges[key].holds(value):
                raise InputError(f"{where}.first[{number}].{key}: {value!r} is outside its range")
    _check_names(config, where, search, ranges)


def check_reduction(config: Config, where: str, search: Search, run: ResolvedRun) -> None:
    """Refuse a run whose reduction comes with published settings: it has no name to choose.

    Args:
        config: the configuration.
        where: key of the search.
        search: its settings.
        run: its run, resolved.

    Raises:
        InputError: naming the key.
    """
    named = config.runs[search.run].reduction or "reduction" in search.ranges
    fixed = all("reduction" in variant for variant in search.variants.values())
    if run.reduction is not None and not named and not fixed:
        raise InputError(
            f"{where}.run: {search.run} takes a published reduction, of a width of its own;"
            " name a reduction in the run or in ranges.reduction"
        )


def _check_keys(config: Config, where: str, search: Search, keys: list[str]) -> None:
    """Refuse names of no parameter, and places that the run does not have."""
    run = config.runs[search.run]
    if run.prompted:
        _check_asking(where, run.model, keys)
    fields = parameters_class(run.model).model_fields
    for key in keys:
        if key in NAMED_AXES or (key == OPTION_AXIS and MODELS[run.model].combined):
            continue
        name = shown(key).strip("'")
        if key.startswith(COMPONENT_AXIS):
            if key.removeprefix(COMPONENT_AXIS) not in run.components:
                raise InputError(f"{where}.ranges.{name}: {search.run} has no such component")
        elif key.partition(".")[0] not in fields:
            raise InputError(f"{where}.ranges.{name}: {run.model} has no such parameter")


def _check_asking(where: str, model: str, keys: list[str]) -> None:
    """Refuse what would train a language model anew."""
    asking: frozenset[str] = parameters_class(model).ASKING  # type: ignore[attr-defined]
    for key in keys:
        if key.partition(".")[0] not in asking:
            named = ", ".join(sorted(asking))
            raise InputError(f"{where}.ranges.{key}: of {model}, only what is asked anew: {named}")


def _check_names(config: Config, where: str, search: Search, ranges: Ranges) -> None:
    """Refuse vectors that are not defined, or are fitted for every fold anew."""
    known: tuple[dict[str, Any], ...] = (config.embeddings, config.reductions)
    for axis, defined in zip(NAMED_AXES, known, strict=True):
        asked = list(ranges[axis].choices or []) if axis in ranges else []
        asked += [fixed[axis] for fixed in search.variants.values() if axis in fixed]
        asked += [getattr(config.runs[search.run], axis)]
        for value in asked:
            if value is not None and value not in defined:
                raise InputError(f"{where}.ranges.{axis}: {value!r} is not defined")
            if axis == "reduction" and value and defined[value].fit_on == "training":
                raise InputError(
                    f"{where}.ranges.reduction: {value} is fitted on training items, of every"
                    " fold anew; it cannot be searched"
                )
