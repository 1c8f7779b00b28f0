"""GenList: a whole list in one answer (study, §4.2).

The training answers are another model's lists with the true item put first (study: LLMSeqSim's).

Deviations from the study's code:
    * It saves the lists before they are mapped to the catalogue; here they are mapped.
    * It takes what stands between the second BEGIN and the second END, wherever these letters are,
      and so cuts an answer that names a BLENDER; here both are lines of their own.
    * It takes a number for the start of a name wherever it stands; here at the start of a line.
"""

from __future__ import annotations

from collections.abc import Sequence

from llmseqrec.llm.cases import Case
from llmseqrec.llm.nearest import Nearest
from llmseqrec.llm.parameters import GenListParameters
from llmseqrec.llm.resolve_names import resolve_list
from llmseqrec.llm.tasks.base import PromptTask, with_target_first
from llmseqrec.llm.tasks.numbered import clean_names, numbered_lines, read_numbered

BEGIN, END = "BEGIN", "END"


class GenList(PromptTask[GenListParameters]):
    """One answer that holds k names in order of confidence."""

    @property
    def neighbours(self) -> int:
        return self.parameters.k  # the other names of a list take k - 1 items at most

    def can_train(self, case: Case) -> bool:
        return super().can_train(case) and self._has_named_list(case)

    def answer(self, case: Case) -> str:
        items = with_target_first(self._list_of(case), case.target, self.parameters.k)
        return self.template.answer.format(list=numbered_lines(self.names.of(items)))

    def parse(self, answer: str) -> list[str]:
        """Names of the numbered lines between the delimiters, the first k.

        Without an END, a last line that has no line break is dropped. Where no line has a number,
        each line is a name.
        """
        body, complete = _between_delimiters(answer)
        names = read_numbered(body, keep_last=complete) or clean_names(body.split("\n"))
        return names[: self.parameters.k]

    def resolve(self, case: Case, generated: Sequence[str], nearest: Nearest | None) -> list[int]:
        if nearest is None:
            raise ValueError("GenList needs item vectors")
        return resolve_list(generated, nearest, self.parameters.k)


def _between_delimiters(answer: str) -> tuple[str, bool]:
    """What stands after the line BEGIN and before the line END, and whether there was an END."""
    lines = answer.split("\n")
    marks = [line.strip() for line in lines]
    start = marks.index(BEGIN) + 1 if BEGIN in marks else 0
    complete = END in marks[start:]
    stop = marks.index(END, start) if complete else len(lines)
    return "\n".join(lines[start:stop]), complete
