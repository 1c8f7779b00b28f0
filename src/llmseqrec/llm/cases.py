"""Training sessions as cases: what a prompt holds and which item it should be answered with.

Source: study, §4 and §7.1.8, and its code (notebooks generate_finetune_prompts). A training session
of n items is one case: the first n - 1 items are the prompt, the last one is the target. Validation
cases are training sessions too: neither test sessions nor prompts of the folds.

Deviations from the study's code:
    * Chance is drawn from a numpy generator, and validation cases are drawn when short, unnamed and
      long ones are out, so that there are as many as were asked for.
    * Its script for ada keeps sessions with an unnamed item; here no session with one is a case.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llmseqrec.errors import InputError
from llmseqrec.llm.parameters import CaseParameters
from llmseqrec.sessions import Prompts, Sessions, withhold_last


@dataclass(frozen=True)
class Case:
    """One session to recommend for.

    Attributes:
        session_id: whose prompt it is.
        items: item ids of the prompt, oldest first.
        target: the item that came next; None where it is not to be known.
    """

    session_id: int
    items: tuple[int, ...]
    target: int | None = None


@dataclass(frozen=True)
class DrawnCases:
    """Cases of fine-tuning, both parts in random order."""

    training: list[Case]
    validation: list[Case]


def eligible_cases(
    train: Sessions, named: NDArray[np.bool_], parameters: CaseParameters, seed: int = 0
) -> list[Case]:
    """Cases of the training sessions that are long enough and whose items all have names.

    Args:
        train: complete sessions.
        named: (n_items,) which items have a name.
        parameters: `min_prompt_items` and `permute` are read.
        seed: of the permutation.
    """
    unnamed = np.bincount(train.rows[~named[train.items]], minlength=len(train)) > 0
    keep = ~unnamed & (train.lengths > parameters.min_prompt_items)
    prompts = withhold_last(train, keep)
    if parameters.permute:
        prompts = _permuted(prompts, seed)
    return list(training_cases(prompts))


def _permuted(prompts: Prompts, seed: int) -> Prompts:
    """Prompts of the same lengths and items, whose items come from any session; targets stay.

    What is left to learn is how often items occur.
    """
    items = np.random.default_rng([seed, len(prompts.sessions)]).permutation(prompts.sessions.items)
    return replace(prompts, sessions=replace(prompts.sessions, items=items))


def training_cases(prompts: Prompts) -> Iterator[Case]:
    """Prompts with their targets."""
    for case, target in zip(test_cases(prompts.sessions), prompts.targets.tolist(), strict=True):
        yield Case(case.session_id, case.items, target)


def test_cases(sessions: Sessions) -> Iterator[Case]:
    """Prompts alone, in their order."""
    bounds, items = sessions.offsets.tolist(), sessions.items.tolist()
    for row, session_id in enumerate(sessions.session_ids.tolist()):
        yield Case(session_id, tuple(items[bounds[row] : bounds[row + 1]]))


def draw_cases(cases: list[Case], parameters: CaseParameters, seed: int) -> DrawnCases:
    """Cases in random order: the first ones validate, the following ones train.

    The same cases and seed always give the same draw, whatever order the cases are given in.

    Raises:
        InputError: nothing is left to train on.
    """
    ordered = sorted(cases, key=lambda case: case.session_id)
    order = np.random.default_rng(seed).permutation(len(ordered))
    shuffled = [ordered[position] for position in order]
    wanted = parameters.validation
    count = int(wanted * len(cases)) if isinstance(wanted, float) else wanted
    if count >= len(cases):
        raise InputError(f"cases.validation: {count} of {len(cases)} cases leave none to train on")
    limit = None if parameters.training is None else count + parameters.training
    return DrawnCases(shuffled[count:limit], shuffled[:count])
