"""Generated names to the candidates of a prompt (Class and Rank).

Source: the study's code. Deviations: likeness is the share of matching characters of difflib, where
the study's code takes thefuzz's weighted ratio; a name is dropped when no candidate is left.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
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
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(_words(name))  # what the matcher remembers is about its second text
    ratios = []
    for candidate in candidates:
        matcher.set_seq1(_words(candidate))
        ratios.append(matcher.ratio())
    return ratios


def _words(name: str) -> str:
    return _NO_WORD.sub(" ", name).strip().casefold()
