"""What Class and Rank share: an answer that chooses from the names its prompt lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from llmseqrec.llm.cases import Case
from llmseqrec.llm.choose_names import choose_names
from llmseqrec.llm.nearest import Nearest
from llmseqrec.llm.parameters import ChoiceParameters
from llmseqrec.llm.tasks.base import PromptTask
from llmseqrec.llm.tasks.numbered import numbered_lines, read_numbered

C = TypeVar("C", bound=ChoiceParameters)


class ChoiceTask(PromptTask[C]):
    """A task whose answer is a numbered list of some candidates."""

    def parse(self, answer: str) -> list[str]:
        """Names of the numbered lines, the first k."""
        names = read_numbered(answer, keep_last=self.parameters.last_line == "keep")
        return names[: self.parameters.k]

    def resolve(self, case: Case, generated: Sequence[str], nearest: Nearest | None) -> list[int]:
        candidates = self.candidates(case)
        chosen = choose_names(generated, self.names.of(candidates), self.parameters.repeats)
        items = [self._item(candidates[position]) for position in chosen]
        return list(dict.fromkeys(items))[: self.parameters.k]

    def _item(self, candidate: int) -> int:
        """The candidate; by the reference's rule any item of its name: the last one."""
        if self.names.duplicates == "first":
            return candidate
        item = self.names.find(self.names[candidate])
        return candidate if item is None else item

    def _write_list(self, items: Sequence[int]) -> str:
        return self.template.answer.format(list=numbered_lines(self.names.of(items)))
