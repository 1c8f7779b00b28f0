"""A search space: what may be drawn, under which conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from llmseqrec.config_search import Range, Value, in_order, tidy
from llmseqrec.provenance import digest

Point = dict[str, Value]
Draw = Callable[[str, BaseDistribution], Any]


class Space:
    """Ranges by name, each after those that its condition looks at.

    Args:
        ranges: the ranges of a search.
        fixed: values of a variant; they take the place of a range, and count for conditions.
    """

    def __init__(self, ranges: Mapping[str, Range], fixed: Mapping[str, Value]) -> None:
        self.fixed = dict(fixed)
        free = {name: found for name, found in ranges.items() if name not in fixed}
        self.ranges = in_order(free)

    def draw(self, draw: Draw) -> Point:
        """A point, each of its values by `draw`, under the conditions."""
        point: Point = {}
        for name, found in self.ranges.items():
            if self._applies(found, point):
                value = draw(name, distribution(found))
                point[name] = tidy(value) if isinstance(value, int | float) else value
        return point

    def points(self) -> Iterator[Point]:
        """Every point of a grid.

        Raises:
            ValueError: a range is continuous.
        """
        return self._points(list(self.ranges), {})

    def distributions(self, point: Point) -> dict[str, BaseDistribution]:
        """The distributions a point was drawn from."""
        return {name: distribution(self.ranges[name]) for name in point}

    def family(self, point: Point, axes: Mapping[str, list[Value]]) -> list[Point]:
        """The point first, then all that differ from it in the axes alone.

        Args:
            point: of this space.
            axes: values to be tried of some names; names that are not searched are left out.
        """
        free = [name for name in axes if name in self.ranges]
        found = [point]
        others: list[Point] = [{k: v for k, v in point.items() if k not in free}]
        for name in sorted(free, key=list(self.ranges).index):
            others = [
                other | {name: value} if self._applies(self.ranges[name], other) else other
                for other in others
                for value in (axes[name] if self._applies(self.ranges[name], other) else [None])
            ]
        keys = {key(point)}
        for other in others:
            if key(other) not in keys:
                keys.add(key(other))
                found.append(other)
        return found

    def _applies(self, found: Range, point: Point) -> bool:
        known = self.fixed | point
        return all(name in known and known[name] in ok for name, ok in found.when.items())

    def _points(self, names: list[str], point: Point) -> Iterator[Point]:
        if not names:
            yield point
            return
        name, *rest = names
        found = self.ranges[name]
        if not self._applies(found, point):
            yield from self._points(rest, point)
            return
        values = found.values
        if values is None:
            raise ValueError(f"{name} is continuous: a grid needs a step")
        for value in values:
            yield from self._points(rest, point | {name: value})


def distribution(found: Range) -> BaseDistribution:
    """A range as Optuna knows it: whole numbers where all of low, high and step are."""
    if found.choices is not None:
        return CategoricalDistribution(found.choices)
    low, high, step = found.low, found.high, found.step
    if isinstance(low, int) and isinstance(high, int) and isinstance(step, int | None):
        return IntDistribution(low, high, log=found.log, step=step or 1)
    if low is None or high is None:
        raise ValueError("a range has low and high, or choices")
    if step is not None:
        # Optuna warns, and cuts the top off, where the top is not on the grid as decimals have it.
        high = tidy(low + step * int((high - low) / step + 1e-9))
    return FloatDistribution(float(low), float(high), log=found.log, step=step)


def key(point: Mapping[str, Any]) -> str:
    """The same for equal points."""
    return digest(dict(point))
