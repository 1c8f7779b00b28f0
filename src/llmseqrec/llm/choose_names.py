"""Generated names to the candidates of a prompt (Class and Rank).

Source: the study's code. Deviations: likeness is the share of characters that both have in the same
order (longest common subsequence), where the study's code takes thefuzz's weighted ratio, which
starts from that share; a name is dropped when no candidate is left.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

_NO_WORD = re.compile(r"[\W_]+")


def choose_names(
    generated: Sequence[str], candidates: Sequence[str], repeats: Literal["closest", "farthest"]
) -> list[int]:
    """Positions in the candidates, one at most for each generated name, none twice.

    A name that no candidate has becomes the one most like it. Where that one was chosen before, the
    unused one most like it takes its place, or the one least like it: so does the study's code,
    whose loop lacks an exit.
    """
    exact = {name: position for position, name in reversed(list(enumerate(candidates)))}
    chosen: list[int] = []
    for name in generated:
        position = exact.get(name)
        if position is None or position in chosen:
            position = _alike(name, candidates, chosen, repeats)
        if position is not None:
            chosen.append(position)
    return chosen


def _alike(
    name: str, candidates: Sequence[str], chosen: list[int], repeats: Literal["closest", "farthest"]
) -> int | None:
    """The candidate for a name that none has, or that was chosen; None if all were."""
    ratios = _likeness(name, candidates)
    order = sorted(range(len(candidates)), key=lambda position: -ratios[position])
    unused = [position for position in order if position not in chosen]
    if not unused:
        return None
    # By the study's code too the best match is taken while it is free.
    return unused[-1] if repeats == "farthest" and order[0] in chosen else unused[0]


def _likeness(name: str, candidates: Sequence[str]) -> list[float]:
    """Likeness of a name to each candidate, from 0 to 1; case and punctuation do not count."""
    words = _words(name)
    places: dict[str, int] = {}
    for position, character in enumerate(words):
        places[character] = places.get(character, 0) | 1 << position
    return [_common_share(places, len(words), _words(candidate)) for candidate in candidates]


def _common_share(places: dict[str, int], length: int, other: str) -> float:
    """Twice the longest common subsequence over both lengths.

    One step a character, on all positions at once as bits (Hyyrö, 2004): a bit that turns 0 marks a
    position where the subsequence grows.

    Args:
        places: the positions of each character of one text, as bits.
        length: of that text.
        other: the other text.
    """
    everything = (1 << length) - 1
    open_bits = everything
    for character in other:
        hits = open_bits & places.get(character, 0)
        open_bits = ((open_bits + hits) | (open_bits - hits)) & everything
    common = length - open_bits.bit_count()
    return 2 * common / max(length + len(other), 1)


@lru_cache(maxsize=4096)
def _words(name: str) -> str:
    return _NO_WORD.sub(" ", name).strip().casefold()
