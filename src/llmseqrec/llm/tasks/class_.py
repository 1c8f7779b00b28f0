"""Class: some of the items that stand for the clusters of the catalogue (study, §4.3).

No more items than there are clusters can be recommended.

Deviations from the study's code: its loop over sessions stops for good at the first true item whose
nearest centre is not the one of its own cluster; here all sessions are answered.
"""

from __future__ import annotations

from llmseqrec.llm.cases import Case
from llmseqrec.llm.categories import Categories
from llmseqrec.llm.parameters import ClassParameters
from llmseqrec.llm.tasks.base import TaskInputs
from llmseqrec.llm.tasks.choice import ChoiceTask


class Class(ChoiceTask[ClassParameters]):
    """The candidates are all category items; the answer is those nearest to the target."""

    def __init__(self, parameters: ClassParameters, inputs: TaskInputs) -> None:
        if inputs.categories is None:
            raise ValueError("Class needs categories")
        super().__init__(parameters, inputs)
        self._categories: Categories = inputs.categories

    def candidates(self, case: Case) -> list[int]:
        """All category items, in the order of their clusters."""
        items: list[int] = self._categories.items.tolist()
        return items

    def answer(self, case: Case) -> str:
        """The k category items nearest to the target.

        Raises:
            ValueError: the case has no target.
        """
        if case.target is None:
            raise ValueError("a case without a target has no answer")
        return self._write_list(self._categories.nearest_to(case.target, self.parameters.k))
