"""Rank: the list of another model in a better order (study, §4.4).

In training the true item is among the candidates and first in the answer; in test it is not put
among them, so that no list can hit more often than the list it was made of.

Deviations from the study's code: the order in which candidates are shown comes from the seed and
the session, where it is drawn without a seed in test.
"""

from __future__ import annotations

from llmseqrec.llm.cases import Case
from llmseqrec.llm.parameters import RankParameters
from llmseqrec.llm.tasks.base import shuffled, with_target_first
from llmseqrec.llm.tasks.choice import ChoiceTask


class Rank(ChoiceTask[RankParameters]):
    """The candidates are the session's list, shuffled; the answer is the list in its order."""

    def can_train(self, case: Case) -> bool:
        return super().can_train(case) and self._has_named_list(case)

    def candidates(self, case: Case) -> list[int]:
        """The session's list, with the target where there is one, in random order."""
        return shuffled(self._ranked(case), self.inputs.seed, case.session_id)

    def answer(self, case: Case) -> str:
        return self._write_list(self._ranked(case))

    def _ranked(self, case: Case) -> list[int]:
        items, k = self._list_of(case), self.parameters.k
        return items[:k] if case.target is None else with_target_first(items, case.target, k)
