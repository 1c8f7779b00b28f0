"""How many trials there are: the whole, or a part of it that is drawn by the seed."""

import os
import random
from collections.abc import Iterable, Sequence
from typing import TypeVar

WHOLE = os.environ.get("FAULTS") == "all"
SEED = int(os.environ.get("FAULTS_SEED", "1"))
Thing = TypeVar("Thing")


def chance(*of: object) -> random.Random:
    """Chance that follows from the seed and what it is for."""
    return random.Random(":".join(map(str, (SEED, *of))))


def some(things: Iterable[Thing], count: int) -> Sequence[Thing]:
    """All of them in the whole run, `count` drawn ones in the part."""
    known = list(things)
    return known if WHOLE else sorted(chance("some").sample(known, count), key=known.index)
